/* Paths to solids, one after another: the recipes of build/bodies.py in C, to the last bit the same.
 *
 * Why in C: NumPy makes thirty passes over arrays of a chunk for what is a few hundred additions a body; measured on a
 * million mixed entities 3.1 s there and 0.5 s here. Every sum is written in the order in which build/bodies.py has
 * it, and the compiler may not contract a*b+c (-ffp-contract=off): tests compare the two results byte for byte.
 * Frame: WCS, metres, float64; the result is about the centre of its box, float32. The interpreter's lock is not held.
 */
#include "kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHORTEST_M 1e-4
#define SHARPEST (-0.5)
#define MOST_TWIST 0.5
#define STRAIGHT 1e-6
#define LEAST_M2 2e-6
#define ROUNDS 16
#define THINNEST_M 0.001
#define FARTHEST_M 1e9
#define MOST_CORNERS 8

enum action { CURVE, PRISM, UPRIGHT, SQUARE, TUBE, BOX, PLACE, DOT };
enum status { MADE, NO_VERTICES, OUT_OF_RANGE };

typedef struct { double x, y, z; } vec;

static inline vec add(vec a, vec b) { return (vec){a.x + b.x, a.y + b.y, a.z + b.z}; }
static inline vec sub(vec a, vec b) { return (vec){a.x - b.x, a.y - b.y, a.z - b.z}; }
static inline vec scaled(vec a, double f) { return (vec){a.x * f, a.y * f, a.z * f}; }
static inline double dot(vec a, vec b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
static inline double norm(vec a) { return sqrt(dot(a, a)); }
static inline vec cross(vec a, vec b) {
    return (vec){a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}
static inline double widest(vec a) {
    double m = fabs(a.x);
    if (fabs(a.y) > m) m = fabs(a.y);
    if (fabs(a.z) > m) m = fabs(a.z);
    return m;
}

/* One path's segment, long enough to have a direction. */
typedef struct {
    vec first, second, direction, side, up, around, along, heading;
    int joined;
} segment;

/* Room that grows with the largest path met; freed at the end of a call. */
typedef struct {
    vec *ring, *other, *vertex;
    segment *run;
    uint32_t *face; /* triples */
    size_t ring_room, vertex_room, run_room, face_room;
    int failed;
} room;

static int grown(void **at, size_t *have, size_t want, size_t each) {
    if (want <= *have) return 1;
    size_t more = want + want / 2 + 64;
    void *fresh = realloc(*at, more * each);
    if (!fresh) return 0;
    *at = fresh;
    *have = more;
    return 1;
}

static int ring_grown(room *r, size_t want) {
    if (want <= r->ring_room) return 1;
    size_t a = r->ring_room, b = r->ring_room;
    if (!grown((void **)&r->ring, &a, want, sizeof(vec)) || !grown((void **)&r->other, &b, want, sizeof(vec))) return 0;
    r->ring_room = a;
    return 1;
}

static void emptied(room *r) {
    free(r->ring);
    free(r->other);
    free(r->vertex);
    free(r->run);
    free(r->face);
}

/* --- outlines ------------------------------------------------------------------------------------------------ */

static double area(const vec *p, size_t n) {
    double sum = 0.0;
    if (!n) return 0.0;
    for (size_t i = 0; i < n; i++) {
        size_t j = i + 1 == n ? 0 : i + 1;
        double ax = p[i].x - p[0].x, ay = p[i].y - p[0].y, bx = p[j].x - p[0].x, by = p[j].y - p[0].y;
        sum += ax * by - bx * ay;
    }
    return sum / 2;
}

static int can_stand(const vec *p, size_t n, int closed) {
    if (!closed || n < 3) return 0;
    double low = p[0].z, high = p[0].z;
    for (size_t i = 1; i < n; i++) {
        if (p[i].z < low) low = p[i].z;
        if (p[i].z > high) high = p[i].z;
    }
    return high - low < 1e-6 && fabs(area(p, n)) > SHORTEST_M * SHORTEST_M;
}

/* Drops repeated points and turns the ring counter-clockwise; returns its points, 0 for a sliver. */
static size_t cleaned(const vec *p, size_t n, vec *out) {
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        vec before = p[i ? i - 1 : n - 1];
        if (widest(sub(p[i], before)) > SHORTEST_M) out[m++] = p[i];
    }
    if (m < 3) return 0;
    if (area(out, m) < 0)
        for (size_t i = 0, j = m - 1; i < j; i++, j--) {
            vec t = out[i];
            out[i] = out[j];
            out[j] = t;
        }
    return m;
}

typedef struct { double cross, dot, out_x, out_y; } bend;

static inline bend turn(const vec *p, size_t n, size_t i) {
    const vec *a = &p[i ? i - 1 : n - 1], *b = &p[i], *c = &p[i + 1 == n ? 0 : i + 1];
    double ix = b->x - a->x, iy = b->y - a->y, ox = c->x - b->x, oy = c->y - b->y;
    return (bend){ix * oy - iy * ox, ix * ox + iy * oy, ox, oy};
}

static inline int lower(double x, double y) { return y < 0 || (y == 0 && x < 0); }

/* Whether a counter-clockwise ring turns left at each corner and goes round once. */
static int is_convex(const vec *p, size_t n) {
    if (n < 3) return 0;
    size_t rounds = 0;
    for (size_t i = 0; i < n; i++) {
        bend b = turn(p, n, i);
        if (!(b.cross > STRAIGHT * fabs(b.dot) && b.cross > LEAST_M2)) return 0;
        bend next = turn(p, n, i + 1 == n ? 0 : i + 1);
        if (lower(b.out_x, b.out_y) && !lower(next.out_x, next.out_y)) rounds++;
    }
    return rounds == 1;
}

/* Drops points on a straight side, spikes, and of small corners every second at a time: earcut leaves such out.
 * Returns the points left in r->ring. */
static size_t straightened(room *r, size_t n) {
    for (size_t round = 0; round < ROUNDS; round++) {
        size_t m = 0, few = 0;
        for (size_t i = 0; i < n; i++) {
            bend b = turn(r->ring, n, i);
            int straight = fabs(b.cross) <= STRAIGHT * fabs(b.dot), small = fabs(b.cross) <= LEAST_M2;
            few += (size_t)(straight || small);
            if (!straight && !(small && i % 2 == round % 2)) r->other[m++] = r->ring[i];
        }
        if (!few) break;
        n = cleaned(r->other, m, r->ring);
    }
    return n;
}

/* The ring of a path ready for a prism, in r->ring; *convex tells whether a fan closes it. */
static size_t outline(room *r, const vec *p, size_t n, int *convex) {
    if (!ring_grown(r, n)) {
        r->failed = 1;
        return 0;
    }
    size_t m = cleaned(p, n, r->ring);
    *convex = is_convex(r->ring, m);
    if (!*convex && m) {
        m = straightened(r, m);
        *convex = is_convex(r->ring, m);
    }
    return m;
}

/* --- what is made of one path: r->vertex, r->face and their counts --------------------------------------------- */

typedef struct { size_t vertices, faces; } made;

static made curve(room *r, const vec *p, size_t n, int closed) {
    int extra = closed && n > 2;
    if (!grown((void **)&r->vertex, &r->vertex_room, n + 1, sizeof(vec))) {
        r->failed = 1;
        return (made){0, 0};
    }
    memcpy(r->vertex, p, n * sizeof(vec));
    if (extra) r->vertex[n] = p[0];
    return (made){n + (size_t)extra, 0};
}

static inline void put(uint32_t *face, size_t at, size_t a, size_t b, size_t c) {
    face[3 * at] = (uint32_t)a;
    face[3 * at + 1] = (uint32_t)b;
    face[3 * at + 2] = (uint32_t)c;
}

/* A prism over the ring in r->ring (n points); cut: triangles of a concave one, NULL for a fan. */
static made prism(room *r, size_t n, double height, const uint32_t *cut, size_t cuts) {
    size_t caps = cut ? cuts : (n >= 2 ? n - 2 : 0), faces = 2 * n + 2 * caps;
    if (!grown((void **)&r->vertex, &r->vertex_room, 2 * n, sizeof(vec)) ||
        !grown((void **)&r->face, &r->face_room, faces, 3 * sizeof(uint32_t))) {
        r->failed = 1;
        return (made){0, 0};
    }
    double low = height < 0.0 ? height : 0.0, high = height > 0.0 ? height : 0.0;
    for (size_t i = 0; i < n; i++) {
        vec p = r->ring[i];
        r->vertex[i] = (vec){p.x, p.y, p.z + low};
        r->vertex[n + i] = (vec){p.x, p.y, p.z + high};
        size_t j = i + 1 == n ? 0 : i + 1;
        put(r->face, 2 * i, i, j, j + n);
        put(r->face, 2 * i + 1, i, j + n, i + n);
    }
    for (size_t t = 0; t < caps; t++) {
        size_t a = 0, b = t + 1, c = t + 2;
        if (cut) {
            a = cut[3 * t], b = cut[3 * t + 1], c = cut[3 * t + 2];
            if (a >= n || b >= n || c >= n) {
                r->failed = 1;
                return (made){0, 0};
            }
        }
        put(r->face, 2 * n + t, c, b, a);
        put(r->face, 2 * n + caps + t, a + n, b + n, c + n);
    }
    return (made){2 * n, faces};
}

/* Segments of a path into r->run; returns how many. */
static size_t run(room *r, const vec *p, size_t n, int closed) {
    size_t all = n < 2 ? 0 : n - 1 + (closed && n > 2), m = 0;
    if (!grown((void **)&r->run, &r->run_room, all, sizeof(segment))) {
        r->failed = 1;
        return 0;
    }
    for (size_t i = 0; i < all; i++) {
        vec first = p[i], second = p[i + 1 == n ? 0 : i + 1], delta = sub(second, first);
        double length = sqrt(dot(delta, delta));
        if (!(length > SHORTEST_M)) continue;
        segment *s = &r->run[m];
        s->first = first;
        s->second = second;
        s->direction = (vec){delta.x / length, delta.y / length, delta.z / length};
        vec side = {-s->direction.y, s->direction.x, 0.0};
        double flat = norm(side);
        s->side = flat < 1e-9 ? (vec){1.0, 0.0, 0.0} : (vec){side.x / flat, side.y / flat, side.z / flat};
        s->up = cross(s->direction, s->side);
        s->joined = 0;
        if (m) {
            const segment *q = s - 1;
            s->joined = widest(sub(first, q->second)) < SHORTEST_M && dot(s->direction, q->direction) > SHARPEST &&
                        dot(s->up, q->up) > MOST_TWIST;
        }
        m++;
    }
    return m;
}

static inline vec corner(const segment *s, const double profile[2]) {
    return add(scaled(s->around, profile[0]), scaled(s->along, profile[1]));
}

/* Tries to close the bend between two segments; the mitre's ring goes to out. A mitre may take half of either. */
static int mitred(const segment *before, const segment *s, const double (*profile)[2], size_t corners, vec *out) {
    vec plane = add(before->heading, s->heading);
    double across = dot(before->direction, plane), most = 0.0, taken = 0.0;
    for (size_t c = 0; c < corners; c++) {
        vec base = corner(before, profile[c]);
        double shift = -dot(base, plane) / across;
        vec mitre = add(base, scaled(before->direction, shift));
        double t = dot(sub(mitre, corner(s, profile[c])), s->direction);
        if (isnan(shift) || isnan(t)) return 0;
        if (fabs(shift) > most) most = fabs(shift);
        if (fabs(t) > taken) taken = fabs(t);
        out[c] = add(s->first, mitre);
    }
    return most < norm(sub(before->second, before->first)) / 2 && taken < norm(sub(s->second, s->first)) / 2;
}

static made sweep(room *r, size_t m, const double (*profile)[2], size_t corners) {
    size_t per_wall = 2 * corners, per_cap = 2 * (corners - 2);
    if (!grown((void **)&r->vertex, &r->vertex_room, 2 * m * corners, sizeof(vec)) ||
        !grown((void **)&r->face, &r->face_room, m * (per_wall + per_cap), 3 * sizeof(uint32_t))) {
        r->failed = 1;
        return (made){0, 0};
    }
    size_t pieces = 0, cap = m * per_wall;
    for (size_t i = 0; i < m; i++) {
        segment *s = &r->run[i];
        vec ring[MOST_CORNERS];
        int joined = s->joined && mitred(s - 1, s, profile, corners, ring);
        if (!joined) pieces++;
        size_t at = (i + pieces - 1) * corners; /* first vertex of the ring at the segment's first end */
        for (size_t c = 0; c < corners; c++) {
            vec off = corner(s, profile[c]);
            r->vertex[at + c] = joined ? ring[c] : add(s->first, off);
            r->vertex[at + corners + c] = add(s->second, off);
        }
        for (size_t c = 0; c < corners; c++) {
            size_t next = c + 1 == corners ? 0 : c + 1, f = i * per_wall + c;
            put(r->face, f, at + c, at + next, at + next + corners);
            put(r->face, f + corners, at + c, at + next + corners, at + c + corners);
        }
        s->joined = joined;
    }
    /* caps of each piece: front, then back; a piece's rings are its segments and one more */
    size_t passed = 0, begin = 0;
    for (size_t i = 0; i < m; i++) {
        if (!r->run[i].joined) {
            begin = (i + passed) * corners;
            passed++;
        }
        if (i + 1 < m && r->run[i + 1].joined) continue;
        size_t end = (i + passed) * corners;
        for (size_t f = 1; f + 1 < corners; f++) {
            put(r->face, cap + f - 1, begin, begin + f + 1, begin + f);
            put(r->face, cap + corners - 2 + f - 1, end + f, end + f + 1, end);
        }
        cap += per_cap;
    }
    return (made){(m + pieces) * corners, m * per_wall + pieces * per_cap};
}

static const uint32_t BOX_FACES[36] = {0, 2, 1, 0, 3, 2, 4, 5, 6, 4, 6, 7, 0, 1, 5, 0, 5, 4,
                                       1, 2, 6, 1, 6, 5, 2, 3, 7, 2, 7, 6, 3, 0, 4, 3, 4, 7};
static const int BOX_CORNERS[8][3] = {{-1, -1, -1}, {1, -1, -1}, {1, 1, -1}, {-1, 1, -1},
                                      {-1, -1, 1},  {1, -1, 1},  {1, 1, 1},  {-1, 1, 1}};

static void extents(const vec *p, size_t n, vec *low, vec *high) {
    *low = *high = p[0];
    for (size_t i = 1; i < n; i++) {
        if (p[i].x < low->x) low->x = p[i].x;
        if (p[i].y < low->y) low->y = p[i].y;
        if (p[i].z < low->z) low->z = p[i].z;
        if (p[i].x > high->x) high->x = p[i].x;
        if (p[i].y > high->y) high->y = p[i].y;
        if (p[i].z > high->z) high->z = p[i].z;
    }
}

/* The box of a path's extents, or (own == 0) one of the rule's measures at their middle. */
static made box(room *r, const vec *p, size_t n, int own, double width, double height) {
    if (!grown((void **)&r->vertex, &r->vertex_room, 8, sizeof(vec)) ||
        !grown((void **)&r->face, &r->face_room, 12, 3 * sizeof(uint32_t))) {
        r->failed = 1;
        return (made){0, 0};
    }
    vec low, high;
    extents(p, n, &low, &high);
    vec size = sub(high, low), sum = add(low, high), middle = {sum.x / 2, sum.y / 2, sum.z / 2};
    if (!own) size.x = size.y = 0.0;
    if (size.x < THINNEST_M) size.x = width;
    if (size.y < THINNEST_M) size.y = width;
    int flat = size.z < THINNEST_M;
    middle.z += flat ? height / 2 : 0.0;
    if (flat) size.z = height;
    vec half = {size.x / 2, size.y / 2, size.z / 2};
    for (int k = 0; k < 8; k++) {
        const int *c = BOX_CORNERS[k];
        r->vertex[k] = (vec){c[0] * half.x + middle.x, c[1] * half.y + middle.y, c[2] * half.z + middle.z};
    }
    memcpy(r->face, BOX_FACES, sizeof BOX_FACES);
    return (made){8, 12};
}

/* Profiles: corners as factors of the two vectors, counter-clockwise seen against the direction. */
static const double SQUARE_PROFILE[4][2] = {{-1, -1}, {1, -1}, {1, 1}, {-1, 1}};
static const double UPRIGHT_PROFILE[4][2] = {{-1, 0}, {1, 0}, {1, 1}, {-1, 1}};

static made swept(room *r, const vec *p, size_t n, int closed, enum action how, double width, double height,
                  double diameter, const double (*circle)[2]) {
    size_t m = run(r, p, n, closed);
    for (size_t i = 0; i < m; i++) {
        segment *s = &r->run[i];
        s->heading = s->direction;
        if (how == TUBE) {
            s->around = scaled(s->side, diameter / 2);
            s->along = scaled(s->up, diameter / 2);
            continue;
        }
        s->around = scaled(s->side, width / 2);
        if (how == SQUARE) {
            s->along = scaled(s->up, height / 2);
            continue;
        }
        int steep = fabs(s->direction.z) > 0.999;
        if (i && s->joined) s->joined = steep == (fabs(s[-1].direction.z) > 0.999);
        if (steep) {
            s->along = scaled(s->up, height);
            continue;
        }
        vec plan = {s->direction.x * 1.0, s->direction.y * 1.0, s->direction.z * 0.0};
        double length = norm(plan);
        if (!(length > 1e-9)) length = 1e-9;
        s->along = scaled((vec){0.0, 0.0, 1.0}, height);
        s->heading = (vec){plan.x / length, plan.y / length, plan.z / length};
    }
    if (how == TUBE) return sweep(r, m, circle, MOST_CORNERS);
    return sweep(r, m, how == SQUARE ? SQUARE_PROFILE : UPRIGHT_PROFILE, 4);
}

static double length_of(const vec *p, size_t n, int closed) {
    size_t all = n < 2 ? 0 : n - 1 + (closed && n > 2);
    double sum = 0.0;
    for (size_t i = 0; i < all; i++) sum += norm(sub(p[i + 1 == n ? 0 : i + 1], p[i]));
    return sum;
}

static int within_reach(vec a) {
    return fabs(a.x) < FARTHEST_M && fabs(a.y) < FARTHEST_M && fabs(a.z) < FARTHEST_M; /* false for nan */
}

/* --- the calls ------------------------------------------------------------------------------------------------- */

typedef struct {
    const int64_t *offset;
    const vec *points;
    const uint8_t *closed, *open_act, *raised_act;
    const double *width, *height, *diameter;
    size_t n;
} paths;

#define READ(k, type) ((const type *)view[k].buf)

static int opened(PyObject *args, Py_buffer *view, int reads, int writes) {
    if (PyTuple_GET_SIZE(args) != reads + writes) {
        PyErr_SetString(PyExc_TypeError, "wrong number of buffers");
        return 0;
    }
    for (int k = 0; k < reads + writes; k++) {
        int flags = k < reads ? PyBUF_C_CONTIGUOUS : PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE;
        if (PyObject_GetBuffer(PyTuple_GET_ITEM(args, k), &view[k], flags) < 0) {
            while (k--) PyBuffer_Release(&view[k]);
            return 0;
        }
    }
    return 1;
}

static void released(Py_buffer *view, int count) {
    for (int k = 0; k < count; k++) PyBuffer_Release(&view[k]);
}

/* outlines(offset, points, closed, raised_act; ring_count, ring, near) -> points of rings written.
 * Rings of the outlines that are to be raised and are not convex; near: their x, y about their first point. */
PyObject *dxfd_outlines(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer view[7];
    if (!opened(args, view, 4, 3)) return NULL;
    const int64_t *offset = READ(0, int64_t);
    const vec *points = READ(1, vec);
    const uint8_t *closed = READ(2, uint8_t), *raised = READ(3, uint8_t);
    int64_t *count = view[4].buf;
    vec *ring = view[5].buf;
    double *near = view[6].buf;
    size_t n = (size_t)view[2].len, total = 0;
    room r = {0};
    Py_BEGIN_ALLOW_THREADS
    for (size_t i = 0; i < n && !r.failed; i++) {
        const vec *p = points + offset[i];
        size_t many = (size_t)(offset[i + 1] - offset[i]);
        count[i] = 0;
        if (raised[i] != PRISM || !can_stand(p, many, closed[i])) continue;
        int convex;
        size_t m = outline(&r, p, many, &convex);
        if (convex || m < 3) continue;
        count[i] = (int64_t)m;
        memcpy(ring + total, r.ring, m * sizeof(vec));
        for (size_t k = 0; k < m; k++) {
            near[2 * (total + k)] = r.ring[k].x - r.ring[0].x;
            near[2 * (total + k) + 1] = r.ring[k].y - r.ring[0].y;
        }
        total += m;
    }
    emptied(&r);
    Py_END_ALLOW_THREADS
    released(view, 7);
    if (r.failed) return PyErr_NoMemory();
    return PyLong_FromSize_t(total);
}

/* bounds(offset, open_act, raised_act) -> (vertices, faces) that solids() may write for these paths at most. */
PyObject *dxfd_bounds(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer view[3];
    if (!opened(args, view, 3, 0)) return NULL;
    const int64_t *offset = READ(0, int64_t);
    const uint8_t *act[2] = {READ(1, uint8_t), READ(2, uint8_t)};
    size_t n = (size_t)view[1].len, vertices = 0, faces = 0;
    for (size_t i = 0; i < n; i++) {
        size_t c = (size_t)(offset[i + 1] - offset[i]), v = c + 1, f = 0;
        for (int k = 0; k < 2; k++) {
            size_t corners = act[k][i] == TUBE ? MOST_CORNERS : 4, w = 0, g = 0;
            switch (act[k][i]) {
            case PRISM: w = 2 * c, g = 4 * c; break;
            case UPRIGHT: case SQUARE: case TUBE: w = 2 * c * corners, g = c * (4 * corners - 4); break;
            case BOX: case PLACE: w = 8, g = 12; break;
            }
            if (w > v) v = w;
            if (g > f) f = g;
        }
        vertices += v;
        faces += f;
    }
    released(view, 3);
    return Py_BuildValue("nn", (Py_ssize_t)vertices, (Py_ssize_t)faces);
}

/* solids(order, offset, points, closed, open_act, raised_act, width, height, diameter, ring_count, ring, cut_count, cut,
 *        circle, mesh_vertex_offset, mesh_vertices, mesh_face_offset, mesh_faces;
 *        kept, status, center, size, length, vertex_place, face_place, vertices, faces) -> (kept, vertices, faces)
 * order: path k as k, mesh k as -1 - k. kept: places in order of what was made; the columns behind it are as long.
 * vertex_place, face_place: int32 byte offsets as Arrow wants them. */
PyObject *dxfd_solids(PyObject *self, PyObject *args) {
    (void)self;
    enum { READS = 18, WRITES = 9 };
    Py_buffer view[READS + WRITES];
    if (!opened(args, view, READS, WRITES)) return NULL;
    const int64_t *order = READ(0, int64_t), *offset = READ(1, int64_t), *ring_count = READ(9, int64_t),
                  *cut_count = READ(11, int64_t), *mesh_vertex = READ(14, int64_t), *mesh_face = READ(16, int64_t);
    const vec *points = READ(2, vec), *ring = READ(10, vec), *mesh_points = READ(15, vec);
    const uint8_t *closed = READ(3, uint8_t), *open_act = READ(4, uint8_t), *raised_act = READ(5, uint8_t);
    const double *width = READ(6, double), *height = READ(7, double), *diameter = READ(8, double);
    const uint32_t *cut = READ(12, uint32_t), *mesh_faces = READ(17, uint32_t);
    const double(*circle)[2] = view[13].buf;
    int64_t *kept = view[18].buf;
    uint8_t *status = view[19].buf;
    vec *center = view[20].buf, *size = view[21].buf;
    double *length = view[22].buf;
    int32_t *vertex_place = view[23].buf, *face_place = view[24].buf;
    float *vertices = view[25].buf;
    uint32_t *faces = view[26].buf;
    size_t m = (size_t)view[0].len / sizeof(int64_t), n = (size_t)view[3].len, out = 0, v_at = 0, f_at = 0;
    size_t v_room = (size_t)view[25].len / (3 * sizeof(float)), f_room = (size_t)view[26].len / (3 * sizeof(uint32_t));
    size_t *ring_at = malloc((n + 1) * sizeof(size_t)), *cut_at = malloc((n + 1) * sizeof(size_t));
    room r = {0};
    int broken = 0;
    if (!ring_at || !cut_at) r.failed = 1;
    Py_BEGIN_ALLOW_THREADS
    if (!r.failed) {
        ring_at[0] = cut_at[0] = 0;
        for (size_t i = 0; i < n; i++) {
            ring_at[i + 1] = ring_at[i] + (size_t)ring_count[i];
            cut_at[i + 1] = cut_at[i] + (size_t)cut_count[i];
        }
        vertex_place[0] = face_place[0] = 0;
    }
    for (size_t k = 0; k < m && !r.failed && !broken; k++) {
        made got = {0, 0};
        const vec *vertex;
        const uint32_t *face;
        double long_m = NAN;
        status[k] = MADE;
        if (order[k] >= 0) {
            size_t i = (size_t)order[k], many = (size_t)(offset[i + 1] - offset[i]);
            const vec *p = points + offset[i];
            if (!many) {
                status[k] = NO_VERTICES;
                continue;
            }
            for (size_t j = 0; j < many && status[k] == MADE; j++)
                if (!within_reach(p[j])) status[k] = OUT_OF_RANGE;
            if (status[k] != MADE) continue;
            enum action how = open_act[i];
            if (raised_act[i] != how && can_stand(p, many, closed[i])) how = raised_act[i];
            switch (how) {
            case PRISM:
                if (ring_count[i]) {
                    size_t c = (size_t)ring_count[i];
                    if (!ring_grown(&r, c)) {
                        r.failed = 1;
                        break;
                    }
                    memcpy(r.ring, ring + ring_at[i], c * sizeof(vec));
                    got = prism(&r, c, height[i], cut + 3 * cut_at[i], (size_t)cut_count[i]);
                } else {
                    int convex;
                    size_t c = outline(&r, p, many, &convex);
                    if (c) got = prism(&r, c, height[i], NULL, 0);
                }
                break;
            case UPRIGHT: case SQUARE: case TUBE:
                got = swept(&r, p, many, closed[i], how, width[i], height[i], diameter[i], circle);
                break;
            case BOX: case PLACE:
                got = box(&r, p, many, how == BOX, width[i], height[i]);
                break;
            case CURVE: case DOT:
                break;
            }
            if (!got.faces) got = curve(&r, p, many, closed[i]);
            if (r.failed) break;
            if (how != DOT) long_m = length_of(p, many, closed[i]);
            vertex = r.vertex;
            face = r.face;
        } else {
            size_t i = (size_t)(-1 - order[k]);
            got = (made){(size_t)(mesh_vertex[i + 1] - mesh_vertex[i]), (size_t)(mesh_face[i + 1] - mesh_face[i])};
            vertex = mesh_points + mesh_vertex[i];
            face = mesh_faces + 3 * mesh_face[i];
            if (!got.vertices) {
                status[k] = NO_VERTICES;
                continue;
            }
        }
        vec low, high;
        extents(vertex, got.vertices, &low, &high);
        vec sum = add(low, high), middle = {sum.x / 2 + 0.0, sum.y / 2 + 0.0, sum.z / 2 + 0.0}; /* no -0 */
        vec wide = sub(high, low);
        int fine = within_reach(middle) && within_reach(wide);
        for (size_t j = 0; j < got.vertices && fine; j++) fine = within_reach(vertex[j]); /* a nan hides from < */
        if (!fine) {
            status[k] = OUT_OF_RANGE;
            continue;
        }
        if (v_at + got.vertices > v_room || f_at + got.faces > f_room) {
            broken = 1;
            break;
        }
        float *to = vertices + 3 * v_at;
        for (size_t j = 0; j < got.vertices; j++) {
            to[3 * j] = (float)(vertex[j].x - middle.x + 0.0);
            to[3 * j + 1] = (float)(vertex[j].y - middle.y + 0.0);
            to[3 * j + 2] = (float)(vertex[j].z - middle.z + 0.0);
        }
        memcpy(faces + 3 * f_at, face, got.faces * 3 * sizeof(uint32_t));
        v_at += got.vertices;
        f_at += got.faces;
        kept[out] = (int64_t)k;
        center[out] = middle;
        size[out] = wide;
        length[out] = long_m;
        out++;
        vertex_place[out] = (int32_t)(12 * v_at);
        face_place[out] = (int32_t)(12 * f_at);
    }
    emptied(&r);
    Py_END_ALLOW_THREADS
    free(ring_at);
    free(cut_at);
    released(view, READS + WRITES);
    if (r.failed) return PyErr_NoMemory();
    if (broken) {
        PyErr_SetString(PyExc_ValueError, "a body needs more room than its bound");
        return NULL;
    }
    return Py_BuildValue("nnn", (Py_ssize_t)out, (Py_ssize_t)v_at, (Py_ssize_t)f_at);
}

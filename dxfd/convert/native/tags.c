/* DXF text to columns: tags with their numbers in one pass, then the values of group codes by entity.
 *
 * Why in C: NumPy and Arrow pass twenty times over a chunk to find codes, trim and cast; 2.1 s for 200 MB there, 0.4 s
 * here, without the interpreter's lock. What is not plainly spelt (a code that is not blanks and digits, a number of
 * more than 19 digits) is left to the caller, who takes Python's own int() and float(): both ways agree to the last bit.
 */
#define _GNU_SOURCE /* memmem */
#include "kernel.h"

#include <math.h>
#include <string.h>

enum { MOST_CODE = 1071, LEAST_CODE = -10, LONGEST_CODE = 100, MOST_PLACES = 1000, LEFT_OPEN = 2 };

static const double POWER[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                               1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
static const uint64_t TEN_TO[] = {1u, 10u, 100u, 1000u, 10000u, 100000u, 1000000u, 10000000u, 100000000u, 1000000000u,
                                  10000000000u, 100000000000u, 1000000000000u, 10000000000000u, 100000000000000u,
                                  1000000000000000u, 10000000000000000u, 100000000000000000u, 1000000000000000000u,
                                  10000000000000000000u};

/* m / 10^k rounded to the nearest double, ties to even; m >= 2^53, k <= 19: the quotient of m * 2^64 has 54 bits. */
static double divided(uint64_t m, int k) {
    unsigned __int128 top = (unsigned __int128)m << 64, q = top / TEN_TO[k];
    int rest = top != q * TEN_TO[k];
    uint64_t high = (uint64_t)(q >> 64);
    int bits = high ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll((uint64_t)q);
    int shift = bits - 53;
    uint64_t mantissa = (uint64_t)(q >> shift);
    unsigned __int128 cut = q & (((unsigned __int128)1 << shift) - 1), half = (unsigned __int128)1 << (shift - 1);
    if (cut > half || (cut == half && (rest || (mantissa & 1)))) mantissa++;
    return ldexp((double)mantissa, shift - 64);
}

/* Eight digits at once (little-endian); 0 where one of the bytes is none. D. Lemire, "Quickly parsing eight digits". */
static inline int eight_digits(const uint8_t *p, uint64_t *out) {
    uint64_t v;
    memcpy(&v, p, 8);
    if (((v & 0xF0F0F0F0F0F0F0F0u) | (((v + 0x0606060606060606u) & 0xF0F0F0F0F0F0F0F0u) >> 4)) != 0x3333333333333333u)
        return 0;
    v = (v & 0x0F0F0F0F0F0F0F0Fu) * 2561 >> 8;
    v = (v & 0x00FF00FF00FF00FFu) * 6553601 >> 16;
    *out = (v & 0x0000FFFF0000FFFFu) * 42949672960001u >> 32;
    return 1;
}

/* A plainly spelt number; 0 where the caller must look himself. Exact: W. Clinger 1990 for what fits, else divided(). */
static int plain_number(const uint8_t *p, const uint8_t *end, double *out) {
    int minus = 0, digits = 0, places = 0, exponent = 0;
    uint64_t m = 0;
    if (p < end && (*p == '-' || *p == '+')) minus = *p++ == '-';
    const uint8_t *begin = p;
    for (; p < end && (unsigned)(*p - '0') <= 9; p++) {
        m = m * 10 + (unsigned)(*p - '0');
        digits += digits || *p != '0';
    }
    size_t seen = (size_t)(p - begin);
    if (p < end && *p == '.') {
        const uint8_t *point = ++p;
        uint64_t eight;
        while (end - p >= 8 && digits && eight_digits(p, &eight)) {
            m = m * 100000000 + eight;
            digits += 8;
            p += 8;
        }
        for (; p < end && (unsigned)(*p - '0') <= 9; p++) {
            m = m * 10 + (unsigned)(*p - '0');
            digits += digits || *p != '0';
        }
        if (p - point > MOST_PLACES) return 0;
        places = (int)(p - point);
        seen += (size_t)places;
    }
    if (!seen || digits > 19) return 0;
    if (p < end && (*p == 'e' || *p == 'E')) {
        int down = 0, many = 0;
        p++;
        if (p < end && (*p == '-' || *p == '+')) down = *p++ == '-';
        for (; p < end && (unsigned)(*p - '0') <= 9; p++, many++)
            if (many < 6) exponent = exponent * 10 + (*p - '0');
        if (!many || many > 5) return 0;
        if (down) exponent = -exponent;
    }
    if (p != end) return 0;
    int ten = exponent - places;
    double value;
    if (!m)
        value = 0.0;
    else if (m < (uint64_t)1 << 53 && ten >= -22 && ten <= 22)
        value = ten < 0 ? (double)m / POWER[-ten] : (double)m * POWER[ten];
    else if (m >= (uint64_t)1 << 53 && ten <= 0 && ten >= -19)
        value = divided(m, -ten);
    else
        return 0;
    *out = minus ? -value : value;
    return 1;
}

/* Python's int() of a line: blanks around, a sign, digits with single underscores between. 0: it is none. */
static int odd_code(const uint8_t *p, const uint8_t *end, int *out) {
    while (p < end && (*p == ' ' || (*p >= 9 && *p <= 13))) p++;
    while (end > p && (end[-1] == ' ' || (end[-1] >= 9 && end[-1] <= 13))) end--;
    if (end - p > LONGEST_CODE) return 0;
    int minus = 0, value = 0, digit = 0;
    if (p < end && (*p == '-' || *p == '+')) minus = *p++ == '-';
    for (; p < end; p++) {
        if (*p == '_' && digit) {
            digit = 0;
            continue;
        }
        if ((unsigned)(*p - '0') > 9) return 0;
        digit = 1;
        if (value < 100000) value = value * 10 + (*p - '0');
    }
    if (!digit) return 0;
    *out = minus ? -value : value;
    return *out >= LEAST_CODE && *out <= MOST_CODE;
}

static inline int line_code(const uint8_t *p, const uint8_t *end, int *out) {
    const uint8_t *begin = p;
    int value = 0;
    if (end > p && end[-1] == '\r') end--;
    if (end - begin < 1 || end - begin > 6) return odd_code(begin, end, out);
    while (p < end && *p == ' ') p++;
    if (p == end || end - p > 4) return odd_code(begin, end, out);
    for (; p < end; p++) {
        if ((unsigned)(*p - '0') > 9) return odd_code(begin, end, out);
        value = value * 10 + (*p - '0');
    }
    *out = value;
    return value <= MOST_CODE;
}

/* scan(data, numeric; code, start, end, tag_start, number, bad, entity_tag, entity_of)
 *   -> (tags, entities, consumed, first byte and end of the line that should be a code, or -1 and -1)
 * The columns are those of read/tags.py and have room for half the lines of data. bad: 1 no finite number, 2 left to
 * the caller. Codes behind a 101 (embedded object) are -1 up to the next 0. */
PyObject *dxfd_scan(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer v[10];
    for (int k = 0; k < 10; k++) v[k].obj = NULL;
    if (!PyArg_ParseTuple(args, "y*y*w*w*w*w*w*w*w*w*", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6], &v[7], &v[8],
                          &v[9]))
        return NULL;
    const uint8_t *data = v[0].buf, *stop = data + v[0].len, *numeric = v[1].buf, *p = data;
    int16_t *code = v[2].buf;
    int64_t *start = v[3].buf, *end = v[4].buf, *tag_start = v[5].buf, *entity_tag = v[8].buf, *entity_of = v[9].buf;
    double *number = v[6].buf;
    uint8_t *bad = v[7].buf;
    size_t room = (size_t)v[2].len / sizeof(int16_t), n = 0, entities = 0;
    int64_t wrong = -1, wrong_end = -1, consumed = 0;
    int embedded = 0;
    Py_BEGIN_ALLOW_THREADS
    while (n < room) {
        const uint8_t *first = memchr(p, '\n', (size_t)(stop - p));
        if (!first) break;
        const uint8_t *second = memchr(first + 1, '\n', (size_t)(stop - first - 1));
        if (!second) break;
        int c;
        if (!line_code(p, first, &c)) {
            wrong = p - data;
            wrong_end = first - data;
            break;
        }
        const uint8_t *s = first + 1, *e = second;
        if (e[-1] == '\r') e--;
        if (e < s) e = s;
        if (c == 0) {
            entity_tag[entities++] = (int64_t)n;
            embedded = 0;
        } else if (c == 101)
            embedded = entities > 0; /* before any entity it means nothing */
        if (embedded) c = -1;
        code[n] = (int16_t)c;
        tag_start[n] = p - data;
        start[n] = s - data;
        end[n] = e - data;
        entity_of[n] = (int64_t)entities - 1;
        number[n] = NAN;
        bad[n] = 0;
        if (c > 0 && numeric[c]) {
            while (s < e && *s <= ' ') s++;
            while (e > s && e[-1] <= ' ') e--;
            if (!plain_number(s, e, &number[n])) bad[n] = LEFT_OPEN;
        }
        n++;
        p = second + 1;
        consumed = p - data;
    }
    Py_END_ALLOW_THREADS
    for (int k = 0; k < 10; k++) PyBuffer_Release(&v[k]);
    return Py_BuildValue("nnLLL", (Py_ssize_t)n, (Py_ssize_t)entities, (long long)consumed, (long long)wrong,
                         (long long)wrong_end);
}

/* Blocks whose hits fit a byte: the compiler adds sixteen bytes at once, four times memchr's pace on short lines. */
enum { BLOCK = 128, MOST_MARK = DXFD_MOST_MARK };

/* lines(data) -> how many line feeds there are. */
PyObject *dxfd_lines(PyObject *self, PyObject *data) {
    (void)self;
    Py_buffer v;
    if (PyObject_GetBuffer(data, &v, PyBUF_C_CONTIGUOUS) < 0) return NULL;
    const uint8_t *p = v.buf;
    size_t n = (size_t)v.len, found = 0, at = 0;
    Py_BEGIN_ALLOW_THREADS
    for (; at + BLOCK <= n; at += BLOCK) {
        uint8_t hits = 0;
        for (size_t i = 0; i < BLOCK; i++) hits += p[at + i] == '\n';
        found += hits;
    }
    for (; at < n; at++) found += p[at] == '\n';
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&v);
    return PyLong_FromSize_t(found);
}

/* Whether what stands behind a mark is no name of an entity of its own: a follower's, or, where codes are not padded and
 * a value 0 looks like the mark, the next code. Names begin with letters, but for 3DFACE and 3DSOLID. */
static int no_entity(const uint8_t *word, const uint8_t *stop) {
    if (stop - word >= 2 && word[0] < 'A' && word[1] != 'D') return 1;
    if (stop - word <= 6 || (word[6] != '\r' && word[6] != '\n')) return 0;
    return !memcmp(word, "VERTEX", 6) || !memcmp(word, "SEQEND", 6) || !memcmp(word, "ATTRIB", 6);
}

/* marks(data, mark, before) -> how often a mark of at most 8 bytes begins before an offset, but for those that a
 * follower's name (VERTEX, SEQEND, ATTRIB) or a group code stands behind. */
PyObject *dxfd_marks(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer data, given;
    Py_ssize_t before;
    if (!PyArg_ParseTuple(args, "y*y*n", &data, &given, &before)) return NULL;
    const uint8_t *p = data.buf, *stop = p + data.len;
    size_t size = (size_t)given.len, found = 0, at = 0, limit = before < data.len ? (size_t)before : (size_t)data.len;
    uint8_t m[MOST_MARK] = {0}, k[MOST_MARK] = {0}; /* the mark, and which of its places count */
    if (size <= MOST_MARK) {
        memcpy(m, given.buf, size);
        memset(k, 255, size);
    }
    Py_BEGIN_ALLOW_THREADS
    if (size >= 1 && size <= 6)
        for (; at + BLOCK <= limit && at + BLOCK + 16 <= (size_t)data.len; at += BLOCK) {
            uint8_t hits = 0, doubtful = 0, hit[BLOCK];
            const uint8_t *q = p + at, *w = q + size;
            for (size_t i = 0; i < BLOCK; i++)
                hit[i] = (uint8_t)((q[i] ^ m[0]) | ((q[i + 1] ^ m[1]) & k[1]) | ((q[i + 2] ^ m[2]) & k[2]) |
                                   ((q[i + 3] ^ m[3]) & k[3]) | ((q[i + 4] ^ m[4]) & k[4]) |
                                   ((q[i + 5] ^ m[5]) & k[5])) == 0;
            for (size_t i = 0; i < BLOCK; i++) hits += hit[i];
            for (size_t i = 0; i < BLOCK; i++) {
                uint8_t v = (uint8_t)((w[i] ^ 'V') | (w[i + 1] ^ 'E')), s = (uint8_t)((w[i] ^ 'S') | (w[i + 1] ^ 'E')),
                        a = (uint8_t)((w[i] ^ 'A') | (w[i + 1] ^ 'T'));
                doubtful |= hit[i] & ((uint8_t)(v == 0) | (uint8_t)(s == 0) | (uint8_t)(a == 0) | (uint8_t)(w[i] < 'A'));
            }
            found += hits;
            if (doubtful)
                for (size_t i = 0; i < BLOCK; i++)
                    if (hit[i]) found -= (size_t)no_entity(w + i, stop);
        }
    for (; size && size <= MOST_MARK && at < limit && at + size <= (size_t)data.len; at++)
        if (!memcmp(p + at, m, size)) found += !no_entity(p + at + size, stop);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&data);
    PyBuffer_Release(&given);
    return PyLong_FromSize_t(found);
}

/* find(data, word) -> where a word first stands, or -1. */
PyObject *dxfd_find(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer data, word;
    if (!PyArg_ParseTuple(args, "y*y*", &data, &word)) return NULL;
    const uint8_t *hit;
    Py_BEGIN_ALLOW_THREADS
    hit = memmem(data.buf, (size_t)data.len, word.buf, (size_t)word.len);
    Py_END_ALLOW_THREADS
    Py_ssize_t at = hit ? hit - (const uint8_t *)data.buf : -1;
    PyBuffer_Release(&data);
    PyBuffer_Release(&word);
    return PyLong_FromSsize_t(at);
}

/* columns(code, number, entity_end, entities, wanted, defaults; out)
 * out (n, k): the last value of each wanted code of each entity, the default where it has none. entity_end (E + 1):
 * first tag of each entity and the end of the last one. */
PyObject *dxfd_columns(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer v[7];
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*y*w*", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6])) return NULL;
    const int16_t *code = v[0].buf, *wanted = v[4].buf;
    const double *number = v[1].buf, *defaults = v[5].buf;
    const int64_t *bounds = v[2].buf, *entity = v[3].buf;
    double *out = v[6].buf;
    size_t n = (size_t)v[3].len / sizeof(int64_t), k = (size_t)v[4].len / sizeof(int16_t);
    int8_t place[MOST_CODE + 1];
    Py_BEGIN_ALLOW_THREADS
    memset(place, -1, sizeof place);
    for (size_t j = 0; j < k; j++) place[wanted[j]] = (int8_t)j;
    for (size_t i = 0; i < n; i++, out += k) {
        memcpy(out, defaults, k * sizeof(double));
        for (int64_t t = bounds[entity[i]]; t < bounds[entity[i] + 1]; t++)
            if (code[t] >= 0 && place[code[t]] >= 0) out[place[code[t]]] = number[t];
    }
    Py_END_ALLOW_THREADS
    for (int j = 0; j < 7; j++) PyBuffer_Release(&v[j]);
    Py_RETURN_NONE;
}

/* places(code, entity_end, entities, wanted, first; out)
 * out (n, k): the tag that holds each wanted code, the last one (or the first, where first is set), -1 for none. */
PyObject *dxfd_places(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer v[6];
    if (!PyArg_ParseTuple(args, "y*y*y*y*y*w*", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5])) return NULL;
    const int16_t *code = v[0].buf, *wanted = v[3].buf;
    const int64_t *bounds = v[1].buf, *entity = v[2].buf;
    const uint8_t *first = v[4].buf;
    int64_t *out = v[5].buf;
    size_t n = (size_t)v[2].len / sizeof(int64_t), k = (size_t)v[3].len / sizeof(int16_t);
    int8_t place[MOST_CODE + 1];
    Py_BEGIN_ALLOW_THREADS
    memset(place, -1, sizeof place);
    for (size_t j = 0; j < k; j++) place[wanted[j]] = (int8_t)j;
    for (size_t i = 0; i < n; i++, out += k) {
        for (size_t j = 0; j < k; j++) out[j] = -1;
        for (int64_t t = bounds[entity[i]]; t < bounds[entity[i] + 1]; t++) {
            if (code[t] < 0) continue;
            int j = place[code[t]];
            if (j >= 0 && !(first[j] && out[j] >= 0)) out[j] = t;
        }
    }
    Py_END_ALLOW_THREADS
    for (int j = 0; j < 6; j++) PyBuffer_Release(&v[j]);
    Py_RETURN_NONE;
}

/* vertices(code, number, entity_end, entities; counts, at, bulge) -> how many
 * LWPOLYLINE: a vertex begins at each 10; 20 and 42 behind it are its own. at (N, 3) with z left 0, bulge (N,). */
PyObject *dxfd_vertices(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer v[7];
    if (!PyArg_ParseTuple(args, "y*y*y*y*w*w*w*", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5], &v[6])) return NULL;
    const int16_t *code = v[0].buf;
    const double *number = v[1].buf;
    const int64_t *bounds = v[2].buf, *entity = v[3].buf;
    int64_t *counts = v[4].buf;
    double *at = v[5].buf, *bulge = v[6].buf;
    size_t n = (size_t)v[3].len / sizeof(int64_t), room = (size_t)v[6].len / sizeof(double), total = 0;
    Py_BEGIN_ALLOW_THREADS
    for (size_t i = 0; i < n; i++) {
        size_t before = total;
        for (int64_t t = bounds[entity[i]]; t < bounds[entity[i] + 1]; t++) {
            if (code[t] == 10) {
                if (total == room) break;
                at[3 * total] = number[t];
                at[3 * total + 1] = at[3 * total + 2] = bulge[total] = 0.0;
                total++;
            } else if (total > before && code[t] == 20)
                at[3 * total - 2] = number[t];
            else if (total > before && code[t] == 42)
                bulge[total - 1] = number[t];
        }
        counts[i] = (int64_t)(total - before);
    }
    Py_END_ALLOW_THREADS
    for (int j = 0; j < 7; j++) PyBuffer_Release(&v[j]);
    return PyLong_FromSize_t(total);
}

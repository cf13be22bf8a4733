/* Equal rows and equal strings to numbers, handles to integers, integers to identifiers: one pass each, no sorting. */
#include "kernel.h"

#include <stdlib.h>
#include <string.h>

/* A table of places, open addressing, at most half full; 0 is empty, k + 1 is the k-th distinct item. */
typedef struct {
    uint32_t *at;
    size_t mask;
} table;

static int opened(table *t, size_t items) {
    size_t size = 64;
    while (size < 2 * items) size *= 2;
    t->at = calloc(size, sizeof(uint32_t));
    t->mask = size - 1;
    return t->at != NULL;
}

static inline uint64_t mixed(uint64_t h) {
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    return h ^ (h >> 32);
}

static inline uint64_t hashed(const uint8_t *p, size_t n) {
    uint64_t h = n, word;
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&word, p, 8);
        h = mixed(h ^ word) + 0x9e3779b97f4a7c15u;
    }
    word = 0;
    memcpy(&word, p, n);
    return mixed(h ^ word);
}

/* What is to be told apart: rows of `width` bytes, or (tags) values of tags, of which -1 has the empty one. */
typedef struct {
    const uint8_t *data;
    size_t width;
    const int64_t *start, *end, *tags;
} items;

static inline const uint8_t *item(const items *s, size_t i, size_t *size) {
    if (!s->tags) {
        *size = s->width;
        return s->data + i * s->width;
    }
    if (s->tags[i] < 0) {
        *size = 0;
        return s->data;
    }
    *size = (size_t)(s->end[s->tags[i]] - s->start[s->tags[i]]);
    return s->data + s->start[s->tags[i]];
}

/* Numbers n items as they appear: index[i] of each, first[k] the item that number k first stands for.
 * Returns how many there are; -1 without memory. Holds no lock. */
static int64_t numbered(const items *s, size_t n, int32_t *index, int64_t *first) {
    table t = {NULL, 0};
    size_t found = 0;
    if (!opened(&t, n)) return -1;
    for (size_t i = 0; i < n; i++) {
        size_t size, other;
        const uint8_t *p = item(s, i, &size);
        size_t at = hashed(p, size) & t.mask;
        for (; t.at[at]; at = (at + 1) & t.mask) {
            const uint8_t *q = item(s, (size_t)first[t.at[at] - 1], &other);
            if (other == size && !memcmp(q, p, size)) break;
        }
        if (!t.at[at]) {
            first[found++] = (int64_t)i;
            t.at[at] = (uint32_t)found;
        }
        index[i] = (int32_t)(t.at[at] - 1);
    }
    free(t.at);
    return (int64_t)found;
}

/* tally(rows, width; index, first) -> how many distinct rows of so many bytes there are, numbered as they appear.
 * index (n,) int32: the number of each row; first (n,) int64: the row that each number first stands for. */
PyObject *dxfd_tally(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer v[3];
    Py_ssize_t width;
    if (!PyArg_ParseTuple(args, "y*nw*w*", &v[0], &width, &v[1], &v[2])) return NULL;
    size_t n = (size_t)v[1].len / sizeof(int32_t);
    const items rows = {.data = v[0].buf, .width = (size_t)width};
    int64_t found = -1;
    Py_BEGIN_ALLOW_THREADS
    if (width > 0 && (size_t)v[0].len >= n * rows.width) found = numbered(&rows, n, v[1].buf, v[2].buf);
    Py_END_ALLOW_THREADS
    for (int k = 0; k < 3; k++) PyBuffer_Release(&v[k]);
    return found >= 0 ? PyLong_FromLongLong(found) : PyErr_NoMemory();
}

/* names(data, start, end, tags; index, first) -> how many distinct values these tags have, numbered as they appear.
 * first: position in `tags`. */
PyObject *dxfd_names(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer v[6];
    if (!PyArg_ParseTuple(args, "y*y*y*y*w*w*", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5])) return NULL;
    size_t n = (size_t)v[3].len / sizeof(int64_t);
    const items values = {.data = v[0].buf, .start = v[1].buf, .end = v[2].buf, .tags = v[3].buf};
    int64_t found;
    Py_BEGIN_ALLOW_THREADS
    found = numbered(&values, n, v[4].buf, v[5].buf);
    Py_END_ALLOW_THREADS
    for (int k = 0; k < 6; k++) PyBuffer_Release(&v[k]);
    return found >= 0 ? PyLong_FromLongLong(found) : PyErr_NoMemory();
}

/* gather(data, start, end, tags; place, out) -> bytes written: values one behind the other, place (n + 1,) int32. */
PyObject *dxfd_gather(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer v[6];
    if (!PyArg_ParseTuple(args, "y*y*y*y*w*w*", &v[0], &v[1], &v[2], &v[3], &v[4], &v[5])) return NULL;
    const uint8_t *data = v[0].buf;
    const int64_t *start = v[1].buf, *end = v[2].buf, *tags = v[3].buf;
    int32_t *place = v[4].buf;
    uint8_t *out = v[5].buf;
    size_t n = (size_t)v[3].len / sizeof(int64_t), room = (size_t)v[5].len, at = 0;
    int ok = 1;
    Py_BEGIN_ALLOW_THREADS
    place[0] = 0;
    for (size_t i = 0; i < n && ok; i++) {
        size_t size = tags[i] < 0 ? 0 : (size_t)(end[tags[i]] - start[tags[i]]);
        if (at + size > room)
            ok = 0;
        else if (size)
            memcpy(out + at, data + start[tags[i]], size);
        at += size;
        place[i + 1] = (int32_t)at;
    }
    Py_END_ALLOW_THREADS
    for (int k = 0; k < 6; k++) PyBuffer_Release(&v[k]);
    if (!ok) {
        PyErr_SetString(PyExc_ValueError, "the values need more room");
        return NULL;
    }
    return PyLong_FromSize_t(at);
}

/* handles(data, start, end, tags; out) -> whether all are plain: hexadecimal digits and nothing else, or missing.
 * out (n,) uint64, 0 for a missing one and for one of more than 16 digits. */
PyObject *dxfd_handles(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer v[5];
    if (!PyArg_ParseTuple(args, "y*y*y*y*w*", &v[0], &v[1], &v[2], &v[3], &v[4])) return NULL;
    const uint8_t *data = v[0].buf;
    const int64_t *start = v[1].buf, *end = v[2].buf, *tags = v[3].buf;
    uint64_t *out = v[4].buf;
    size_t n = (size_t)v[3].len / sizeof(int64_t);
    int plain = 1;
    Py_BEGIN_ALLOW_THREADS
    for (size_t i = 0; i < n && plain; i++) {
        out[i] = 0;
        if (tags[i] < 0) continue;
        uint64_t value = 0;
        const uint8_t *p = data + start[tags[i]], *stop = data + end[tags[i]];
        int fits = stop - p <= 16;
        for (; p < stop && plain; p++) {
            unsigned digit = *p <= '9' ? *p - (unsigned)'0' : (*p | 32u) - 'a' + 10u;
            plain = *p >= '0' && digit < 16 && (*p <= '9' || digit >= 10);
            value = value << 4 | digit;
        }
        if (fits) out[i] = value;
    }
    Py_END_ALLOW_THREADS
    for (int k = 0; k < 5; k++) PyBuffer_Release(&v[k]);
    return PyBool_FromLong(plain);
}

/* guids(body, high, low, alphabet; out): 22 characters for 56 bits of body, 8 bits of high, 64 of low; see guid.py. */
PyObject *dxfd_guids(PyObject *self, PyObject *args) {
    (void)self;
    Py_buffer v[3];
    unsigned long long high, low;
    if (!PyArg_ParseTuple(args, "y*KKy*w*", &v[0], &high, &low, &v[1], &v[2])) return NULL;
    const uint64_t *body = v[0].buf;
    const uint8_t *letters = v[1].buf;
    uint8_t *out = v[2].buf, tail[10];
    size_t n = (size_t)v[0].len / sizeof(uint64_t);
    int ok = v[1].len == 64 && (size_t)v[2].len >= 22 * n;
    Py_BEGIN_ALLOW_THREADS
    for (int k = 0; ok && k < 10; k++) tail[k] = letters[low >> (54 - 6 * k) & 63];
    for (size_t i = 0; ok && i < n; i++, out += 22) {
        uint64_t word = body[i] << 8 | (high & 255);
        out[0] = letters[word >> 62];
        for (int k = 1; k < 11; k++) out[k] = letters[word >> (62 - 6 * k) & 63];
        out[11] = letters[(word & 3) << 4 | low >> 60];
        memcpy(out + 12, tail, 10);
    }
    Py_END_ALLOW_THREADS
    for (int k = 0; k < 3; k++) PyBuffer_Release(&v[k]);
    if (!ok) {
        PyErr_SetString(PyExc_ValueError, "an alphabet of 64 letters and room for 22 characters each");
        return NULL;
    }
    Py_RETURN_NONE;
}

/* The extension module dxfd.convert.native._feed, which is a loadable extension of SQLite too: Arrow columns in memory as
 * rows of the virtual table dxfd_feed.
 *
 * INSERT INTO ... SELECT c0, c1, ... FROM dxfd_feed is one statement for a whole chunk. An INSERT with parameters is bound,
 * stepped and reset for each row, and takes and gives back SQLite's lock at each value: of a million elements that was 1.2 s
 * of the 2.0 s of the writer's thread.
 *
 * Columns are offered by the thread that runs the statement, and stay its own: two threads that write two outputs do not
 * see each other's. Who offers keeps the buffers alive until it withdraws them. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <sqlite3ext.h>
#include <stdint.h>

#define MOST_COLUMNS 32

static const sqlite3_api_routines *sqlite3_api; /* SQLITE_EXTENSION_INIT1 would make it visible to other extensions */

/* Values of one Arrow array, as its specification lays them out; `valid` NULL: none is null. */
typedef struct {
    int64_t offset;
    const uint8_t *valid;
    const int32_t *ends; /* of text and bytes */
    const uint8_t *data;
} values;

typedef struct {
    int kind; /* 'l' int64, 'g' float64, 'u' text, 'z' bytes: the letters of Arrow's C data interface */
    int coded; /* `rows` has int32 places in `words`, Arrow's dictionary */
    values rows, words;
} column;

typedef struct {
    int64_t rows; /* -1: nothing is offered */
    int64_t columns;
    column of[MOST_COLUMNS];
} offer;

static _Thread_local offer offered = {.rows = -1};

typedef struct {
    sqlite3_vtab_cursor base;
    int64_t row;
} cursor;

static int feed_connect(sqlite3 *db, void *aux, int argc, const char *const *argv, sqlite3_vtab **out, char **message) {
    char names[8 + 6 * MOST_COLUMNS + 32] = "CREATE TABLE x(";
    size_t at = strlen(names);
    int status;
    (void)aux, (void)argc, (void)argv, (void)message;
    for (int k = 0; k < MOST_COLUMNS; k++) at += (size_t)snprintf(names + at, sizeof names - at, "%sc%d", k ? "," : "", k);
    snprintf(names + at, sizeof names - at, ")");
    status = sqlite3_declare_vtab(db, names);
    if (status != SQLITE_OK) return status;
    sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY); /* not for views and triggers that a file brings along */
    *out = sqlite3_malloc(sizeof **out);
    if (!*out) return SQLITE_NOMEM;
    memset(*out, 0, sizeof **out);
    return SQLITE_OK;
}

static int feed_disconnect(sqlite3_vtab *table) {
    sqlite3_free(table);
    return SQLITE_OK;
}

static int feed_plan(sqlite3_vtab *table, sqlite3_index_info *plan) {
    (void)table;
    plan->estimatedCost = 1e5;
    return SQLITE_OK;
}

static int feed_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out) {
    cursor *made = sqlite3_malloc(sizeof *made);
    (void)table;
    if (!made) return SQLITE_NOMEM;
    memset(made, 0, sizeof *made);
    *out = &made->base;
    return SQLITE_OK;
}

static int feed_close(sqlite3_vtab_cursor *at) {
    sqlite3_free(at);
    return SQLITE_OK;
}

static int feed_first(sqlite3_vtab_cursor *at, int plan, const char *text, int argc, sqlite3_value **argv) {
    (void)plan, (void)text, (void)argc, (void)argv;
    ((cursor *)at)->row = 0;
    if (offered.rows >= 0) return SQLITE_OK;
    at->pVtab->zErrMsg = sqlite3_mprintf("no columns are offered in this thread");
    return SQLITE_ERROR;
}

static int feed_next(sqlite3_vtab_cursor *at) {
    ((cursor *)at)->row++;
    return SQLITE_OK;
}

static int feed_ended(sqlite3_vtab_cursor *at) { return ((cursor *)at)->row >= offered.rows; }

static inline int none(const values *of, int64_t place) { return of->valid && !(of->valid[place >> 3] >> (place & 7) & 1); }

static int feed_value(sqlite3_vtab_cursor *at, sqlite3_context *to, int k) {
    const offer *now = &offered;
    const column *from = &now->of[k];
    const values *of = &from->rows;
    int64_t place;
    if (k >= now->columns) return SQLITE_OK; /* NULL */
    place = of->offset + ((cursor *)at)->row;
    if (none(of, place)) return SQLITE_OK;
    if (from->coded) {
        place = ((const int32_t *)of->data)[place];
        of = &from->words;
        place += of->offset;
        if (none(of, place)) return SQLITE_OK;
    }
    switch (from->kind) {
    case 'l': sqlite3_result_int64(to, ((const int64_t *)of->data)[place]); break;
    case 'g': sqlite3_result_double(to, ((const double *)of->data)[place]); break;
    case 'u':
        sqlite3_result_text(to, (const char *)of->data + of->ends[place], of->ends[place + 1] - of->ends[place], SQLITE_STATIC);
        break;
    default: sqlite3_result_blob(to, of->data + of->ends[place], of->ends[place + 1] - of->ends[place], SQLITE_STATIC);
    }
    return SQLITE_OK;
}

static int feed_rowid(sqlite3_vtab_cursor *at, sqlite3_int64 *to) {
    *to = ((cursor *)at)->row;
    return SQLITE_OK;
}

static sqlite3_module feed = {
    .xConnect = feed_connect, .xDisconnect = feed_disconnect, .xBestIndex = feed_plan, .xOpen = feed_open,
    .xClose = feed_close, .xFilter = feed_first, .xNext = feed_next, .xEof = feed_ended, .xColumn = feed_value,
    .xRowid = feed_rowid,
}; /* without xCreate: it is there under its name, and makes nothing in the file */

/* The entry point that SQLite calls. */
#ifdef _WIN32
__declspec(dllexport)
#else
__attribute__((visibility("default")))
#endif
int dxfd_feed_init(sqlite3 *db, char **message, const sqlite3_api_routines *api) {
    (void)message;
    sqlite3_api = api;
    return sqlite3_create_module(db, "dxfd_feed", &feed, NULL);
}

/* Takes (offset, valid, ends, data): addresses, or 0. */
static int feed_values(PyObject *tuple, values *to) {
    long long offset;
    unsigned long long valid, ends, data;
    if (!PyArg_ParseTuple(tuple, "LKKK", &offset, &valid, &ends, &data)) return 0;
    to->offset = offset;
    to->valid = (const uint8_t *)(uintptr_t)valid;
    to->ends = (const int32_t *)(uintptr_t)ends;
    to->data = data ? (const uint8_t *)(uintptr_t)data : (const uint8_t *)""; /* of a NULL SQLite makes NULL, not '' */
    return 1;
}

/* offer(rows, [(kind, values, words or None), ...]): what dxfd_feed has in this thread from now on. */
static PyObject *feed_offer(PyObject *self, PyObject *args) {
    Py_ssize_t rows;
    PyObject *columns;
    offer next = {0};
    (void)self;
    if (!PyArg_ParseTuple(args, "nO!", &rows, &PyList_Type, &columns)) return NULL;
    if (rows < 0 || PyList_GET_SIZE(columns) > MOST_COLUMNS) {
        PyErr_SetString(PyExc_ValueError, "too many columns, or a negative number of rows");
        return NULL;
    }
    next.rows = rows;
    next.columns = PyList_GET_SIZE(columns);
    for (Py_ssize_t k = 0; k < next.columns; k++) {
        column *to = &next.of[k];
        PyObject *rows_of, *words;
        if (!PyArg_ParseTuple(PyList_GET_ITEM(columns, k), "CO!O", &to->kind, &PyTuple_Type, &rows_of, &words)) return NULL;
        to->coded = words != Py_None;
        if (!feed_values(rows_of, &to->rows) || (to->coded && !feed_values(words, &to->words))) return NULL;
    }
    offered = next;
    Py_RETURN_NONE;
}

/* withdraw(): the buffers may go. */
static PyObject *feed_withdraw(PyObject *self, PyObject *args) {
    (void)self, (void)args;
    offered.rows = -1;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"offer", feed_offer, METH_VARARGS, "Columns for dxfd_feed in this thread."},
    {"withdraw", feed_withdraw, METH_NOARGS, "No more columns for dxfd_feed in this thread."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_feed", "Arrow columns as rows of a virtual table of SQLite.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__feed(void) {
    PyObject *module = PyModule_Create(&definition);
    if (module && PyModule_AddIntConstant(module, "MOST_COLUMNS", MOST_COLUMNS) < 0) Py_CLEAR(module);
    return module;
}

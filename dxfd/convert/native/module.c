/* The extension module dxfd.convert.native._kernel: names, nothing else. */
#include "kernel.h"

static PyMethodDef methods[] = {
    {"scan", dxfd_scan, METH_VARARGS, "Tags of a chunk; see tags.c."},
    {"lines", dxfd_lines, METH_O, "Line feeds in a buffer; see tags.c."},
    {"marks", dxfd_marks, METH_VARARGS, "Marks without followers; see tags.c."},
    {"find", dxfd_find, METH_VARARGS, "Where a word stands; see tags.c."},
    {"columns", dxfd_columns, METH_VARARGS, "Numbers of group codes by entity; see tags.c."},
    {"places", dxfd_places, METH_VARARGS, "Tags of group codes by entity; see tags.c."},
    {"vertices", dxfd_vertices, METH_VARARGS, "Vertices of LWPOLYLINEs; see tags.c."},
    {"tally", dxfd_tally, METH_VARARGS, "Distinct rows; see keys.c."},
    {"names", dxfd_names, METH_VARARGS, "Distinct values of tags; see keys.c."},
    {"gather", dxfd_gather, METH_VARARGS, "Values of tags one behind the other; see keys.c."},
    {"handles", dxfd_handles, METH_VARARGS, "Handles as integers; see keys.c."},
    {"guids", dxfd_guids, METH_VARARGS, "Identifiers; see keys.c."},
    {"outlines", dxfd_outlines, METH_VARARGS, "Rings of outlines that a fan cannot close; see bodies.c."},
    {"bounds", dxfd_bounds, METH_VARARGS, "Room that solids() needs at most; see bodies.c."},
    {"solids", dxfd_solids, METH_VARARGS, "Bodies of paths and meshes; see bodies.c."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_kernel", "The hot loops in C; the NumPy versions beside them give the same bytes.", -1, methods,
    NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__kernel(void) {
    PyObject *module = PyModule_Create(&definition);
    if (module && PyModule_AddIntConstant(module, "MOST_MARK", DXFD_MOST_MARK) < 0) Py_CLEAR(module);
    return module;
}

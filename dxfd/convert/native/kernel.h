/* What the parts of the kernel share. Only the module file knows Python objects' names; the parts take plain buffers. */
#ifndef DXFD_KERNEL_H
#define DXFD_KERNEL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

#define DXFD_MOST_MARK 8 /* bytes of a mark that marks() counts */

PyObject *dxfd_scan(PyObject *self, PyObject *args);
PyObject *dxfd_lines(PyObject *self, PyObject *data);
PyObject *dxfd_marks(PyObject *self, PyObject *args);
PyObject *dxfd_find(PyObject *self, PyObject *args);
PyObject *dxfd_columns(PyObject *self, PyObject *args);
PyObject *dxfd_places(PyObject *self, PyObject *args);
PyObject *dxfd_vertices(PyObject *self, PyObject *args);
PyObject *dxfd_tally(PyObject *self, PyObject *args);
PyObject *dxfd_names(PyObject *self, PyObject *args);
PyObject *dxfd_gather(PyObject *self, PyObject *args);
PyObject *dxfd_handles(PyObject *self, PyObject *args);
PyObject *dxfd_guids(PyObject *self, PyObject *args);
PyObject *dxfd_outlines(PyObject *self, PyObject *args);
PyObject *dxfd_bounds(PyObject *self, PyObject *args);
PyObject *dxfd_solids(PyObject *self, PyObject *args);

#endif

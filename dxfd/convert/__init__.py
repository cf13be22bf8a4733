"""The conversion as a plain synchronous library: read, match, build, write."""

import os

# nothing here multiplies large matrices: the threads of NumPy's BLAS would only wait, and busily
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

"""`python -m dxfd.worker` is one worker process."""

import sys

from dxfd.worker.main import main

sys.exit(main())

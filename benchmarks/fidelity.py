"""How closely these networks compute what the official code computed: see `verification/fidelity.py`.

python benchmarks/fidelity.py NAME.pkl NAME.npz [--float64]
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # checks the pgan beside it, not an installed one

from pgan.process import begin
from verification.fidelity import main

if __name__ == "__main__":
    begin()
    sys.exit(main())

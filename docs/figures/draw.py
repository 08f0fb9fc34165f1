"""Draw the figures of the documentation: python docs/figures/draw.py [NAME ...], all of them unless named.

Each is a function that returns a `drawing.Figure`; what it writes does not depend on the machine. What had to be measured
(step-size) or trained (training-curves, gates) is read from a small JSON file beside the figures.
"""
import sys
from pathlib import Path

import batch_norm_graph
import complexity
import convolution_taps
import families
import fused_sweeps
import module_strips
import placement
import step_size
import strips
import trained
import two_paths

HERE = Path(__file__).parent
FIGURES = {
    "block": strips.block,
    "strip-transformation": strips.transformation,
    "strip-squeeze": strips.squeeze,
    "strip-excitation": strips.excitation,
    "strip-scale": strips.scale,
    "strip-residual": module_strips.residual,
    "strip-batch-norm": module_strips.batch_norm,
    "strip-loss": module_strips.loss,
    "convolution-taps": convolution_taps.draw,
    "batch-norm-graph": batch_norm_graph.draw,
    "two-paths": two_paths.draw,
    "step-size": step_size.draw,
    "complexity": complexity.draw,
    "placement": placement.draw,
    "families": families.draw,
    "fused-sweeps": fused_sweeps.draw,
    "training-curves": trained.curves,
    "gates": trained.gates,
    "gates-shapes": lambda: trained.gates(HERE / "gates-shapes.json"),
    "gates-readme": lambda: trained.gates(HERE / "gates-readme.json"),
}


def main(names):
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        print(f"there is no figure {', '.join(unknown)}; there are {', '.join(FIGURES)}", file=sys.stderr)
        return 2
    for name in names or FIGURES:
        try:
            svg = FIGURES[name]().svg()
        except FileNotFoundError as error:
            print(f"{name}.svg is left as it is: its data, docs/figures/{Path(error.filename).name}, is not there")
            continue
        (HERE / f"{name}.svg").write_text(svg, encoding="utf-8", newline="\n")
        print(f"{name}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

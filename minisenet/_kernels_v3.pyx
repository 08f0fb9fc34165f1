# The kernels, built for x86-64-v3: see setup.py.
include "_kernels.pyx"

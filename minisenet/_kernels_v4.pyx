# The kernels, built for x86-64-v4: see setup.py.
include "_kernels.pyx"

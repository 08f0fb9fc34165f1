"""`minisenet bench`: minisenet beside PyTorch and beside its own NumPy bodies, in one run, as ratios.

    contenders   their names, and which of them cannot take part here
    ours         a training step and an inference of minisenet's
    pytorch      the same in PyTorch, eager and compiled
    worker       a contender's process, which runs and times its steps on command
    processes    the other end of the pipe
    memory       the peak memory of a process
    measure      the turns: A B A B …
    figures      from times to medians and ratios
    machine      the processor, its largest cache, the versions
    report       one dict for JSON, and the tables as text
    peak         this machine's peak: a bare FMA loop, a bare stream
    recorder     each kernel call of a step, timed inside the step
    ops          the table of the kernels, beside the peak
    plot         throughput against batch size, width and threads

The speed of a machine changes from hour to hour, and on shared cores from second to second, by more than the differences we
measure. So we never compare with a figure of another run. Contenders take turns, and the result is the median of the ratios
within each turn.
"""

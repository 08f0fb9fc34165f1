"""`minisenet bench`: minisenet beside PyTorch and beside its own NumPy bodies, in one run, as ratios.

    contenders   who they are, and who cannot take part here
    ours         a training step and an inference of minisenet's
    pytorch      the same in PyTorch, eager and compiled
    worker       a contender's process: it does the steps that it is told to do, and times them
    processes    the other end of the pipe
    memory       the peak of a process
    measure      the turns: A B A B …
    figures      from times to medians and ratios
    machine      the processor, its largest cache, the versions
    report       one dict for JSON, and the tables for people
    peak         what this machine can do at most: a bare FMA loop, a bare stream
    recorder     each kernel call of a step, timed where it stands
    ops          the table per kernel, against the peak
    plot         throughput against batch size, width and threads

The speed of a machine changes from hour to hour, and on shared cores from second to second, by more than the differences
that are to be seen. So nothing here is compared with a figure of another run: contenders take turns, and what counts is the
median of the ratios within each turn.
"""

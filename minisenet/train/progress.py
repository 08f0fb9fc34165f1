"""Progress: one live line on a terminal, plain lines when piped. The estimate of the time left ignores the first steps."""
import sys
import time

WARM_UP = 3             # the first steps are slower than the rest: caches, page faults, imports
QUIET = 30.0            # seconds between two plain lines within an epoch


def make_progress(progress):
    """A `Progress` for True (to standard output) or False (silent). A Progress is returned as it is."""
    if isinstance(progress, Progress):
        return progress
    if not progress:
        return Progress()
    if sys.stdout.isatty():
        try:
            from tqdm import tqdm
            return LiveLine(tqdm)
        except ImportError:         # the [train] extra is not installed: plain lines are fine
            pass
    return PlainLines()


class Progress:
    """Silent progress, and the base of the others: it only measures."""

    def start(self, *, epochs, steps, batch_size, done):
        """The run has `epochs` epochs of `steps` steps; `done` epochs are complete."""
        self.epochs, self.steps, self.batch_size, self.done = epochs, steps, batch_size, done
        self.timed = self.seconds = self.count = 0
        self.between = 0.0              # seconds from the end of one epoch's training to the next one's start
        self.now = self.ended = None

    def step(self, epoch, step, loss):
        """A step is complete; `loss` is the epoch's mean so far."""
        now = time.perf_counter()
        self.count += 1
        if step > 1 and self.count > WARM_UP:
            self.timed, self.seconds = self.timed + 1, self.seconds + now - self.now
        self.now = now
        self.left = (self.epochs - epoch) * self.steps + self.steps - step
        self.show(epoch, step, loss)

    def epoch(self, metrics):
        """An epoch is complete."""
        self.between = time.perf_counter() - self.now
        self.show_epoch(metrics)

    def images_per_second(self):
        """Training images per second, or None while warming up."""
        return self.batch_size * self.timed / self.seconds if self.seconds else None

    def eta(self, epoch):
        """Seconds to the end of the run, evaluations included, or None while warming up."""
        if not self.timed:
            return None
        return self.left * self.seconds / self.timed + (self.epochs - epoch + 1) * self.between

    def rate(self, epoch):
        """images/s and ETA as text; empty while warming up."""
        speed, eta = self.images_per_second(), self.eta(epoch)
        return f"  {speed:,.0f} images/s  ETA {clock(eta)}" if speed else ""

    def show(self, epoch, step, loss):
        """Print the state within an epoch."""

    def show_epoch(self, metrics):
        """Print a complete epoch."""

    def close(self):
        """Leave the terminal in order."""


class PlainLines(Progress):
    """A line for each epoch, and one for each half minute within an epoch."""

    def start(self, **sizes):
        super().start(**sizes)
        self.printed = time.perf_counter()

    def show(self, epoch, step, loss):
        if self.now - self.printed >= QUIET and step < self.steps:
            self.print(f"epoch {epoch}/{self.epochs}  step {step}/{self.steps}  loss {loss:.4f}{self.rate(epoch)}")

    def show_epoch(self, metrics):
        self.print(epoch_line(metrics, self.epochs))

    def print(self, line):
        print(line, flush=True)
        self.printed = time.perf_counter()


class LiveLine(Progress):
    """tqdm's bar over the whole run, as wide as the terminal. Lines of complete epochs stay above it."""

    bar = None

    def __init__(self, tqdm):
        self.tqdm = tqdm

    def start(self, **sizes):
        super().start(**sizes)
        self.bar = self.tqdm(total=self.epochs * self.steps, initial=self.done * self.steps, file=sys.stdout, leave=False,
                             dynamic_ncols=True, bar_format="{desc} |{bar}| {percentage:3.0f}%")

    def show(self, epoch, step, loss):
        self.bar.set_description_str(f"epoch {epoch}/{self.epochs}  loss {loss:.3f}{self.rate(epoch)}", refresh=False)
        self.bar.update()

    def show_epoch(self, metrics):
        self.tqdm.write(epoch_line(metrics, self.epochs), file=sys.stdout)

    def close(self):
        if self.bar is not None:
            self.bar.close()


def epoch_line(m, epochs):
    """One epoch's metrics in 80 columns."""
    width = len(str(epochs))
    return (f"epoch {m['epoch']:{width}}/{epochs}  train {m['train_loss']:.4f} {m['train_accuracy']:6.1%}  "
            f"test {m['test_loss']:.4f} {m['test_accuracy']:6.1%}  {m['images_per_second']:,.0f} images/s  "
            f"{clock(m['seconds'])}")


def clock(seconds):
    """Seconds as text: 42 s, 3:07, 1:02:03."""
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes}:{seconds:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"

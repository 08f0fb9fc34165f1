"""Loss, accuracy and accuracy by class on the test images, with running statistics and without training."""
import contextlib
import types

import numpy as np

import minisenet.functional as F
from minisenet import arguments
from minisenet.data import Dataset, test_batches
from minisenet.layers import Layer, inference_mode
from minisenet.train import recipe


def evaluate(model, data, *, batch_size=recipe.BATCH_SIZE, normalisation=None):
    """Evaluate a model on every test image.

    Parameters
    ----------
    model : Layer
        Its mode (train or eval) is the same afterwards.
    data : minisenet.data.Dataset
    batch_size : int
    normalisation : dict, optional
        `mean` and `std` of the images that the model was trained on, if they are not this data's.

    Returns
    -------
    dict
        `test_loss` (mean cross-entropy, without label smoothing), `test_accuracy` (0 to 1), and `class_accuracy`, a dict
        from each class's name to its accuracy, or to None if the test set has no image of it.

    Raises
    ------
    TypeError
        If model is not a Layer, or data not a Dataset.
    ValueError
        If the data and the model have different numbers of classes.
    """
    check_model_and_data(model, data)
    batch_size = arguments.integer("batch_size", batch_size, 1)
    loss, right, labels = 0.0, [], []
    for x, y, logits in predictions(model, data, batch_size, normalisation=normalisation):
        loss += float(F.softmax_cross_entropy(logits, y)[0]) * len(y)
        right.append(logits.argmax(axis=1) == y)
        labels.append(y)
    right, labels = np.concatenate(right), np.concatenate(labels)
    by_class = {str(name): float(right[labels == k].mean()) if (labels == k).any() else None
                for k, name in enumerate(data.classes)}
    return dict(test_loss=loss / len(labels), test_accuracy=float(right.mean()), class_accuracy=by_class)


def predictions(model, data, batch_size, *, chosen=slice(None), normalisation=None):
    """Yield (x, labels, logits) over the chosen test images, in evaluation mode."""
    known = normalisation or dict(mean=data.mean, std=data.std)
    test = types.SimpleNamespace(test_images=data.test_images[chosen], test_labels=data.test_labels[chosen],
                                 mean=np.asarray(known["mean"]), std=np.asarray(known["std"]))
    training, dtype = model.training, dtype_of(model)
    model.eval()
    try:
        # the loss of a diverged network is not finite, which `fit` reports: no need for NumPy's warnings
        with np.errstate(over="ignore", invalid="ignore"), \
                contextlib.closing(test_batches(test, batch_size, dtype)) as stream:
            for x, y in stream:
                with inference_mode():
                    logits = model.forward(x)
                if logits.shape[1] != len(data.classes):
                    raise ValueError(f"the model must have {len(data.classes)} classes as {data.name} has, got "
                                     f"{logits.shape[1]}: evaluate it on the data that it was trained for")
                yield x, y, logits
    finally:
        if training:
            model.train()


def check_model_and_data(model, data):
    """Raise TypeError unless these are a Layer and a Dataset."""
    for name, value, kind, make in (("model", model, Layer, "models.create(name)"), ("data", data, Dataset, "data.load(name)")):
        if not isinstance(value, kind):
            raise TypeError(f"{name} must be a {kind.__name__}, got {type(value).__name__}: use minisenet.{make}")


def dtype_of(model):
    """The dtype of a model's parameters."""
    return next(iter(model.parameters().values())).value.dtype

"""Every network of the registry at a width and an image size at which a test takes a fraction of a second."""
from minisenet import models

WIDTHS = dict(resnext50=16, resnext101=16, senet154=32, vgg16=1 / 16, bn_inception=1 / 8, inception_resnet_v2=1 / 8, mobilenet=1 / 8,
              shufflenet=0.2, shake_shake26_2x96d=12)
SIZES = dict(vgg16=32, inception_resnet_v2=107)


def small(name, num_classes=7, **options):
    """(network, image size)."""
    entry, base = models.MODELS[name], name.removeprefix("se_")
    own = dict(width=WIDTHS.get(base, 8 if entry.image_size == 224 else 4))
    if entry.se:
        own["reduction"] = 4 if entry.image_size > 32 else 2
    if base == "vgg16":
        own["image_size"] = 32
    return models.create(name, num_classes, **own | options), SIZES.get(base, 64 if entry.image_size == 224 else 16)

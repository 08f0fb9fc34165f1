"""CIFAR, shapes, augmentation, the loader."""

"""How models are compiled that are made of others."""


def compile_as(model, other):
    """Gives a model the loss and the metrics of another one, if that has any."""
    if other.compiled:
        model.compile_from_config(other.get_compile_config())
        # What "auto" meant where the model was saved may have been changed since.
        model.jit_compile = other.jit_compile

"""Diagnoses of a fit, from its records."""

from kdl.callbacks.doctor import diagnoses_of_curves as curves
from kdl.callbacks.doctor import diagnoses_of_generators as generators
from kdl.callbacks.doctor import diagnoses_of_layers as layers
from kdl.callbacks.doctor.findings import CAUSES

# Causes before what they explain.
DIAGNOSES = (
    layers.nan_in_data,
    layers.labels_out_of_range,
    layers.nan_from_layer,
    layers.inputs_scale,
    layers.exploding_gradients,
    layers.rate_too_high,
    layers.nan_in_weights,
    curves.nan_from_batch,
    curves.nan_loss,
    layers.vanishing_gradients,
    layers.dead_units,
    layers.activation_scale,
    layers.rate_too_low,
)
OF_LOSSES = (
    curves.batch_and_rate,
    curves.loss_spike,
    curves.no_trend,
    curves.imbalance,
    curves.memorizing,
    curves.overfitting,
    curves.underfitting,
)
OF_GENERATORS = (
    generators.discriminator_won,
    generators.mode_collapse,
)


def diagnose(records, known=()):
    """Returns the findings that are new, causes first.

    Args:
        records: `Records`.
        known: Sequence of earlier findings, which are not found again, nor is what
            they explain.
    """
    found = list(known)
    others = OF_GENERATORS if generators.has_discriminator(records) else OF_LOSSES
    for diagnosis in (*DIAGNOSES, *others) if records.values() else ():
        names = {finding.name for finding in found}
        finding = diagnosis(records)
        if finding and not {finding.name, *CAUSES[finding.name]} & names:
            found.append(finding)
    return found[len(known) :]

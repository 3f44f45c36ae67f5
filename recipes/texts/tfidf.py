"""Logistic regression of TF-IDF, to compare a network of texts with."""

import numpy as np

# As many training texts it is fitted to at most, which takes about a minute.
MOST = 50_000
# Inverse strength of the penalty, characters of n-grams.
_C, _CHARACTERS = 4.0, (2, 5)


def fitted(x, y):
    """Returns a classifier of scikit-learn that is fitted to texts.

    Args:
        x: Array of strings of shape `(texts,)`.
        y: Integer array of labels of shape `(texts,)`, or float array of 0 and 1 of
            shape `(texts, classes)`.
    """
    # Here, since it takes longer to import than all of kdl.
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline, make_union

    words = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b|[^\w\s]")
    characters = TfidfVectorizer(
        analyzer="char_wb", ngram_range=_CHARACTERS, sublinear_tf=True
    )
    classifier = LogisticRegression(C=_C, max_iter=1000)
    if np.ndim(y) == 2:
        classifier = OneVsRestClassifier(classifier)
    return make_pipeline(make_union(words, characters), classifier).fit(x, y)


def scores(classifier, x, y):
    """Returns scores of what `fitted` returned, a dict of floats.

    They are the accuracy, or where an example may have several labels the mean F1 of
    the classes.
    """
    from sklearn.metrics import f1_score

    predicted = classifier.predict(x)
    if np.ndim(y) == 2:
        score = f1_score(y, predicted, average="macro", zero_division=0)
        return {"tfidf_f1_macro": float(score)}
    return {"tfidf_accuracy": float(np.mean(predicted == y))}

"""Trees over the features of pairs, and their ONNX graph: no pickle is written or read."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TREES, DEPTH, RATE, SMALLEST_LEAF = 400, 6, 0.03, 10
ROWS_RATIO, COLUMNS = 0.5, 8
"""Each tree sees half of the pairs, each cut eight of the features."""
INPUT, OUTPUT = "features", "probabilities"


class PairTrees:
    """Boosted trees that were trained on pairs. Source: Friedman 2002 (stochastic gradient boosting)."""

    def __init__(self, features: Floats, labels: Floats, seed: int) -> None:
        """Fit; the same seed gives the same trees."""
        from sklearn.ensemble import GradientBoostingClassifier

        self._model = GradientBoostingClassifier(
            learning_rate=RATE,
            n_estimators=TREES,
            max_depth=DEPTH,
            subsample=ROWS_RATIO,
            max_features=min(COLUMNS, features.shape[1]),
            min_samples_leaf=SMALLEST_LEAF,
            random_state=seed % 2**32,
        )
        self._model.fit(features.astype(np.float32), labels.astype(np.int64))

    def predict(self, features: Floats) -> Floats:
        """Return the probability of a match, (pairs,)."""
        return np.asarray(self._model.predict_proba(features.astype(np.float32))[:, 1], dtype=np.float64)

    def graph(self) -> bytes:
        """Return the ONNX graph: `features` (pairs, columns) float32 -> `probabilities` (pairs, 2)."""
        from skl2onnx import to_onnx
        from skl2onnx.common.data_types import FloatTensorType

        columns = self._model.n_features_in_
        graph = to_onnx(
            self._model,
            initial_types=[(INPUT, FloatTensorType([None, columns]))],
            options={"zipmap": False},
            target_opset={"": 18, "ai.onnx.ml": 3},
        )
        return bytes(graph.SerializeToString())

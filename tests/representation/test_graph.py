"""Message passing against dense adjacency matrices."""

import pytest
import torch

from mmcourse.representation.graph import GraphEncoder, mean_message, nearest_neighbour_edges

DIMS = {"image": 5, "text": 4}
LINKS = [("text", "image"), ("image", "text"), ("image", "image")]


def encoder(rounds=2):
    torch.manual_seed(0)
    return GraphEncoder(DIMS, LINKS, 6, rounds)


def graph():
    """Three images, four captions; caption 3 has no links, and image 2 is an island with caption 2."""
    torch.manual_seed(1)
    pairs = torch.tensor([[0, 0, 2, 1], [0, 1, 2, 0]])  # image, caption
    edges = {("image", "text"): pairs, ("text", "image"): pairs.flip(0), ("image", "image"): torch.tensor([[1], [0]])}
    return {"image": torch.randn(3, 5), "text": torch.randn(4, 4)}, edges


def dense(model, features, edges):
    for number in range(len(model.own)):
        if number > 0:
            features = {kind: h.clamp(min=0) for kind, h in features.items()}
        updated = {kind: model.own[number][kind](h) for kind, h in features.items()}
        for source, target in LINKS:
            adjacency = torch.zeros(len(features[target]), len(features[source]))
            for s, t in edges[source, target].T.tolist():
                adjacency[t, s] += 1
            adjacency /= adjacency.sum(1, keepdim=True).clamp(min=1)
            weight = model.messages[number][f"{source}->{target}"].weight
            updated[target] = updated[target] + adjacency @ features[source] @ weight.T
        features = updated
    return features


@pytest.mark.parametrize("rounds", [1, 2, 3])
def test_it_equals_dense_matrices(rounds):
    model, (features, edges) = encoder(rounds), graph()
    result, expected = model(features, edges), dense(model, features, edges)
    for kind in DIMS:
        torch.testing.assert_close(result[kind], expected[kind])


def test_news_travels_as_far_as_there_are_links_and_rounds():
    features, edges = graph()
    changed = {**features, "text": features["text"].clone()}
    changed["text"][1] += 1
    for rounds, reached in ((1, [True, False, False]), (2, [True, False, False]), (3, [True, True, False])):
        if rounds == 3:
            edges = {**edges, ("image", "image"): torch.tensor([[1, 0], [0, 1]])}
        a, b = encoder(rounds)(features, edges), encoder(rounds)(changed, edges)
        assert ((a["image"] != b["image"]).any(1)).tolist() == reached
        assert (a["text"][3] == b["text"][3]).all()


def test_the_order_of_edges_keys_and_nodes_does_not_matter():
    model, (features, edges) = encoder(), graph()
    shuffle = torch.tensor([2, 0, 1])
    place = shuffle.argsort()
    moved = {"text": features["text"], "image": features["image"][shuffle]}
    renamed = {}
    for (source, target), pairs in reversed(edges.items()):
        s, t = pairs.flip(1)
        renamed[source, target] = torch.stack(
            [place[s] if source == "image" else s, place[t] if target == "image" else t]
        )
    a, b = model(features, edges), model(moved, renamed)
    torch.testing.assert_close(a["image"][shuffle], b["image"])
    torch.testing.assert_close(a["text"], b["text"])


def test_no_edges_at_all_leave_each_node_its_own_term():
    model, (features, _) = encoder(1), graph()
    result = model(features, {link: torch.empty(2, 0, dtype=torch.int64) for link in LINKS})
    for kind in DIMS:
        torch.testing.assert_close(result[kind], model.own[0][kind](features[kind]))


def test_parameters_are_counted_and_trained_under_autocast_too():
    model, (features, edges) = encoder(), graph()
    first = (5 + 4) * 6 + 2 * 6 + (4 + 5 + 5) * 6
    assert sum(p.numel() for p in model.parameters()) == first + (2 * 6 * 6 + 2 * 6) + 3 * 6 * 6
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}
    result = model(features, edges)
    sum(h.square().sum() for h in result.values()).backward()
    assert all(p.grad.abs().sum() > 0 for p in model.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        half = model(features, edges)
    for kind in DIMS:
        torch.testing.assert_close(half[kind].float(), result[kind], rtol=0, atol=2e-2)


def test_a_message_is_the_mean_of_what_arrives():
    features = torch.randn(5, 3)
    edges = torch.tensor([[0, 1, 1, 2, 0], [3, 3, 0, 0, 3]])
    expected = torch.zeros(5, 3)
    expected[3] = (2 * features[0] + features[1]) / 3
    expected[0] = (features[1] + features[2]) / 2
    torch.testing.assert_close(mean_message(features, edges), expected)
    assert (mean_message(features, edges[:, :0]) == 0).all()


def test_nearest_neighbours_equal_a_plain_search():
    x = torch.randn(9, 4)
    sources, targets = nearest_neighbour_edges(x, 3)
    assert targets.tolist() == [i for i in range(9) for _ in range(3)]
    for i in range(9):
        cosine = [torch.cosine_similarity(x[i], x[j], dim=0).item() if i != j else -2.0 for j in range(9)]
        assert set(sources[targets == i].tolist()) == set(sorted(range(9), key=lambda j: -cosine[j])[:3])


EDGES = graph()[1]


@pytest.mark.parametrize(
    ("features", "edges", "message"),
    [
        ({"image": torch.randn(3, 5)}, EDGES, "features must be a dict with the keys"),
        ({"image": torch.randn(3, 4), "text": torch.randn(4, 4)}, EDGES, "features\\['image'\\] must have 5"),
        (graph()[0], {}, "edges must be a dict with the keys"),
        (graph()[0], {**EDGES, ("image", "image"): torch.ones(2, 1)}, "must be an int64 tensor"),
        (graph()[0], {**EDGES, ("image", "image"): torch.ones(3, 1).long()}, "must be an int64 tensor"),
        (graph()[0], {**EDGES, ("image", "image"): torch.tensor([[0], [3]])}, "must number image nodes 0 to 2"),
        (graph()[0], {**EDGES, ("image", "image"): torch.tensor([[-1], [0]])}, "must number image nodes 0 to 2"),
    ],
)
def test_bad_input_is_named(features, edges, message):
    with pytest.raises(ValueError, match=message):
        encoder()(features, edges)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GraphEncoder(DIMS, [("image", "smell")], 6), "links must join kinds in dims"),
        (lambda: GraphEncoder(DIMS, LINKS, 6, 0), "rounds be at least 1"),
        (lambda: nearest_neighbour_edges(torch.randn(4, 2), 4), "k must be from 1 to 3"),
        (lambda: nearest_neighbour_edges(torch.randn(4), 1), "x must have 2 axes"),
        (lambda: mean_message(torch.randn(4), torch.zeros(2, 1).long()), "features must have 2 axes"),
        (lambda: mean_message(torch.randn(4, 2), torch.zeros(2, 1)), "edges must be an int64 tensor"),
        (lambda: mean_message(torch.randn(4, 2), torch.tensor([[0], [4]])), "edges must number target nodes 0 to 3"),
    ],
)
def test_bad_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()

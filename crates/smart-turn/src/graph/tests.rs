use proptest::prelude::*;

use super::*;

fn node(operator: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let mut node = Vec::new();
    inputs.iter().for_each(|input| wire::write(&mut node, NODE_INPUT, input.as_bytes()));
    wire::write(&mut node, NODE_OUTPUT, output.as_bytes());
    wire::write(&mut node, NODE_OPERATOR, operator.as_bytes());
    node
}

/// A model of these nodes, between fields of other kinds.
fn model(nodes: &[Vec<u8>]) -> Vec<u8> {
    let mut graph = Vec::new();
    nodes.iter().for_each(|node| wire::write(&mut graph, GRAPH_NODE, node));
    wire::write(&mut graph, 5, &[7; 300]);
    let mut model = vec![0x08, 10];
    wire::write(&mut model, MODEL_GRAPH, &graph);
    wire::write(&mut model, 8, b"opset");
    model
}

#[test]
fn each_layer_reads_what_the_one_before_it_made() {
    let weight = node("DequantizeLinear", &["weight8", "s", "z"], "weight");
    let original = model(&[
        weight.clone(),
        node("QuantizeLinear", &["in", "s", "z"], "in8"),
        node("DequantizeLinear", &["in8", "s", "z"], "in_again"),
        node("MatMul", &["in_again", "weight"], "product"),
        node("QuantizeLinear", &["product", "s", "z"], "product8"),
        node("DequantizeLinear", &["product8", "s", "z"], "product_again"),
        node("QuantizeLinear", &["product_again", "s", "z"], "twice8"),
        node("DequantizeLinear", &["twice8", "s", "z"], "twice"),
        node("Sigmoid", &["twice"], "out"),
    ]);
    let expected =
        model(&[weight, node("MatMul", &["in", "weight"], "product"), node("Sigmoid", &["product"], "out")]);
    assert_eq!(without_rounding(&original), Ok(expected));
}

#[test]
fn a_graph_in_circles_comes_to_an_end() {
    let circle = model(&[
        node("QuantizeLinear", &["a"], "a8"),
        node("DequantizeLinear", &["a8"], "b"),
        node("QuantizeLinear", &["b"], "b8"),
        node("DequantizeLinear", &["b8"], "a"),
        node("Sigmoid", &["a"], "out"),
    ]);
    assert!(without_rounding(&circle).is_ok());
}

#[test]
fn a_file_that_is_cut_is_malformed() {
    let whole = model(&[node("Sigmoid", &["in"], "out")]);
    let graph_ends = whole.len() - b"opset".len() - 2;
    for length in (0..whole.len()).filter(|length| ![0, 2, graph_ends].contains(length)) {
        assert_eq!(without_rounding(&whole[..length]), Err(Malformed), "{length} bytes");
    }
}

proptest! {
    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        // Whether it is read is the bytes' matter; it ends either way, without a panic.
        drop(without_rounding(&bytes));
        let mut nested = Vec::new();
        wire::write(&mut nested, MODEL_GRAPH, &bytes);
        drop(without_rounding(&nested));
    }
}

//! The model's graph without the rounding between its layers.
//!
//! The file is quantised: its weights are 8-bit numbers, and between the layers each value is rounded to one of 256
//! (`QuantizeLinear`), too, and made a float again (`DequantizeLinear`). That serves runtimes which multiply 8-bit numbers. Here
//! all is multiplied as floats, and the rounding between the layers would only cost: near half of the time, and the answer's
//! reliability, because a last bit of one feature decides how values are rounded, and by that, layer after layer, moves the
//! answer by up to some tenths (`tests/reference` has measured it). So these pairs are taken out, and each layer reads what the
//! one before it made. Weights stay as they are.

mod wire;

use std::collections::{HashMap, HashSet};

pub(crate) use wire::Malformed;

use wire::Field;

// Numbers of fields in the messages of onnx.proto.
const MODEL_GRAPH: u64 = 7;
const GRAPH_NODE: u64 = 1;
const NODE_INPUT: u64 = 1;
const NODE_OUTPUT: u64 = 2;
const NODE_OPERATOR: u64 = 4;

/// The same ONNX file without the pairs of rounding and making it a float again.
pub(crate) fn without_rounding(model: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut rewritten = Vec::with_capacity(model.len());
    for field in wire::fields(model) {
        match field? {
            Field { number: MODEL_GRAPH, content: Some(graph), .. } => {
                wire::write(&mut rewritten, MODEL_GRAPH, &rewritten_graph(graph)?);
            }
            other => rewritten.extend_from_slice(other.whole),
        }
    }
    Ok(rewritten)
}

fn rewritten_graph(graph: &[u8]) -> Result<Vec<u8>, Malformed> {
    let rounding = Rounding::of(graph)?;
    let mut rewritten = Vec::with_capacity(graph.len());
    for field in wire::fields(graph) {
        let field = field?;
        let Field { number: GRAPH_NODE, content: Some(bytes), .. } = field else {
            rewritten.extend_from_slice(field.whole);
            continue;
        };
        if !rounding.includes(&Node::read(bytes)?) {
            wire::write(&mut rewritten, GRAPH_NODE, &rounding.bypassed_by(bytes)?);
        }
    }
    Ok(rewritten)
}

/// What of a node matters here.
#[derive(Default)]
struct Node<'a> {
    operator: &'a [u8],
    inputs: Vec<&'a [u8]>,
    outputs: Vec<&'a [u8]>,
}

impl<'a> Node<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut node = Self::default();
        for field in wire::fields(bytes) {
            match field? {
                Field { number: NODE_OPERATOR, content: Some(operator), .. } => node.operator = operator,
                Field { number: NODE_INPUT, content: Some(name), .. } => node.inputs.push(name),
                Field { number: NODE_OUTPUT, content: Some(name), .. } => node.outputs.push(name),
                _ => {}
            }
        }
        Ok(node)
    }

    /// The value that it changes and the changed one, where it is of this operator.
    fn changes(&self, operator: &str) -> Option<(&'a [u8], &'a [u8])> {
        if self.operator != operator.as_bytes() {
            return None;
        }
        Some((*self.inputs.first()?, *self.outputs.first()?))
    }
}

/// The pairs of a graph, by the names of values.
struct Rounding<'a> {
    /// What was rounded.
    rounded: HashSet<&'a [u8]>,
    /// What was rounded and made a float again, with the value that it was before.
    before: HashMap<&'a [u8], &'a [u8]>,
}

impl<'a> Rounding<'a> {
    fn of(graph: &'a [u8]) -> Result<Self, Malformed> {
        let mut nodes = Vec::new();
        for field in wire::fields(graph) {
            if let Field { number: GRAPH_NODE, content: Some(bytes), .. } = field? {
                nodes.push(Node::read(bytes)?);
            }
        }
        let rounded: HashMap<_, _> = nodes
            .iter()
            .filter_map(|node| node.changes("QuantizeLinear"))
            .map(|(value, rounded)| (rounded, value))
            .collect();
        let again = nodes.iter().filter_map(|node| node.changes("DequantizeLinear"));
        let before = again.filter_map(|(value, again)| Some((again, *rounded.get(value)?))).collect();
        Ok(Self { rounded: rounded.into_keys().collect(), before })
    }

    /// Whether a node is one of a pair. A weight is made a float, too, but was not rounded by a node.
    fn includes(&self, node: &Node<'a>) -> bool {
        node.outputs
            .first()
            .is_some_and(|output| self.rounded.contains(output) || self.before.contains_key(output))
    }

    /// A node that reads what was before the rounding.
    fn bypassed_by(&self, bytes: &'a [u8]) -> Result<Vec<u8>, Malformed> {
        let mut rewritten = Vec::with_capacity(bytes.len());
        for field in wire::fields(bytes) {
            match field? {
                Field { number: NODE_INPUT, content: Some(name), .. } => {
                    wire::write(&mut rewritten, NODE_INPUT, self.unrounded(name));
                }
                other => rewritten.extend_from_slice(other.whole),
            }
        }
        Ok(rewritten)
    }

    /// Pairs can follow one another, but in a graph that goes in circles not for ever.
    fn unrounded(&self, name: &'a [u8]) -> &'a [u8] {
        let step = |name: &&'a [u8]| self.before.get(name).copied();
        std::iter::successors(Some(name), step).take(self.before.len() + 1).last().unwrap_or(name)
    }
}

#[cfg(test)]
mod tests;

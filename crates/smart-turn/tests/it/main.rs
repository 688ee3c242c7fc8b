//! The model, as `make tools` installed it, on real recordings.

mod recording;

use std::collections::BTreeMap;

use serde::Deserialize;
use smart_turn::{Error, Model, WINDOW};

/// Nothing but floats' rounding lies between two runtimes.
const TOLERANCE: f32 = 0.002;

/// `tests/reference/README.md` says how it was made.
#[derive(Deserialize)]
struct Reference {
    recordings: BTreeMap<String, Probabilities>,
}

#[derive(Deserialize)]
struct Probabilities {
    unrounded: f32,
}

fn model() -> Model {
    Model::open(&test_servers::turn_detector_model()).expect("load the model: run «make tools»")
}

#[test]
fn probabilities_are_those_of_onnxruntime() {
    let file = recording::folder().join("../probabilities.json");
    let reference: Reference = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert!(reference.recordings.len() >= 20);
    let model = model();
    let mut differ = Vec::new();
    for (name, expected) in &reference.recordings {
        let ours = model.probability(&recording::read(name)).unwrap();
        println!("{name:22} {ours:.5} {:.5}", expected.unrounded);
        if (ours - expected.unrounded).abs() > TOLERANCE {
            differ.push(name);
        }
    }
    assert!(differ.is_empty(), "{differ:?}");
}

#[test]
fn only_the_last_8_s_are_heard() {
    let model = model();
    let long = recording::read("long-finished");
    assert!(long.len() > WINDOW);
    let last = &long[long.len() - WINDOW..];
    assert_eq!(model.probability(&long).unwrap(), model.probability(last).unwrap());
}

#[test]
fn whatever_is_heard_has_a_probability() {
    let model = model();
    let square: Vec<i16> = (0..WINDOW).map(|at| if at % 200 < 100 { i16::MIN } else { i16::MAX }).collect();
    let longer = vec![i16::MIN; 5 * WINDOW];
    for samples in [&[][..], &[1], &[-5; 399], &[0; WINDOW], &square, &longer] {
        let probability = model.probability(samples).unwrap();
        assert!((0.0..=1.0).contains(&probability), "{} samples: {probability}", samples.len());
    }
}

#[test]
fn many_may_ask_at_once() {
    let model = model();
    let samples = recording::read("word-yes");
    let alone = model.probability(&samples).unwrap();
    let ask = || (0..3).all(|_| model.clone().probability(&samples).unwrap() == alone);
    std::thread::scope(|scope| {
        let askers: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        assert!(askers.into_iter().all(|asker| asker.join().unwrap()));
    });
}

#[test]
fn another_file_is_refused() {
    let whole = std::fs::read(test_servers::turn_detector_model()).unwrap();
    assert!(matches!(Model::load(whole[..whole.len() / 2].to_vec()), Err(Error::Malformed)));
    assert!(matches!(Model::load(b"<!doctype html>".to_vec()), Err(Error::Malformed)));
    assert!(matches!(Model::load(Vec::new()), Err(Error::Load(_) | Error::OtherModel)));
    assert!(matches!(Model::open("nowhere.onnx".as_ref()), Err(Error::Read(_))));
}

//! Canned answers cost next to nothing.

use futures::future::join_all;
use serde_json::json;

use super::simulator::Simulator;

#[tokio::test]
async fn fifty_canned_conversations_cost_next_to_nothing() {
    const TURNS: usize = 10;
    let simulator = Simulator::start(&["--canned"]);
    let converse = async || {
        for _ in 0..TURNS {
            let heard = simulator.hear(&[0; 16_000], 16_000).await;
            assert_eq!(heard, "we are twelve people");
            let chat = simulator.chat(&json!({ "model": "m", "messages": [], "stream": true })).await;
            let chat = chat.text().await.unwrap();
            assert!(chat.contains("Thank") && chat.ends_with("data: [DONE]\n\n"), "{chat}");
            let speech = simulator.speech(&json!({ "model": "m", "voice": "any", "input": "Hello." })).await;
            assert_eq!(speech.bytes().await.unwrap().len(), 2 * 48_000);
        }
    };
    join_all((0..50).map(|_| converse())).await;
    let spent = processor_seconds(simulator.id());
    assert!(spent < 0.005 * (50 * TURNS) as f64, "{spent} s for {} turns", 50 * TURNS);
}

/// Processor time of a process so far; the kernel counts hundredths of a second.
fn processor_seconds(process: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    [11, 12].map(|field| fields[field].parse::<f64>().unwrap()).iter().sum::<f64>() / 100.0
}

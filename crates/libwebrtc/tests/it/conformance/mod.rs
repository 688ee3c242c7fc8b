//! What is proved with every other stack at the far end: `python` and `chromium` list it.

mod audio;
mod data;
mod presence;
mod staying;

mod chromium;
mod python;

mod peer;

use crate::participant::Participant;
use crate::server::Server;
use peer::{Peer, Stack};

/// Tests of the names that follow, each the function of that name with the stack.
macro_rules! prove {
    ($stack:expr, $($story:ident::$name:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$story::$name($stack).await;
            }
        )+
    };
}
pub(crate) use prove;

/// A room with this stack and another one in it.
struct Call {
    us: Participant,
    them: Peer,
    server: Server,
}

const ROOM: &str = "call";
const US: &str = "us";
const THEM: &str = "them";

impl Call {
    async fn start(stack: Stack) -> Self {
        Self::start_with(stack, Server::start().await).await
    }

    async fn start_with(stack: Stack, server: Server) -> Self {
        let us = Participant::join(&server, ROOM, US).await;
        let them = Peer::join(stack, &server, ROOM, THEM).await;
        Self { us, them, server }
    }
}

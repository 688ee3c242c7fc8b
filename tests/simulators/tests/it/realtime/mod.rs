//! Transcription over OpenAI's realtime socket, and speaches' form of it.

mod openai;
mod plugin;
mod speaches;

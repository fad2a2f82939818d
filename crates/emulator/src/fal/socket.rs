//! The realtime socket: MessagePack both ways, the newest wish wins, control messages as JSON texts.

use std::sync::Arc;

use axum::extract::ws::{Message, WebSocket};
use rmpv::Value;
use serde_json::json;

use super::{Seen, Stage, Trouble, Way, check, png};

/// A wish as it came.
struct Wish {
    prompt: String,
    request: Option<String>,
}

pub(super) async fn serve(mut socket: WebSocket, stage: Arc<Stage>, app: String) {
    let mut waiting: Option<Wish> = None;
    loop {
        if waiting.is_none() {
            match socket.recv().await {
                Some(Ok(message)) => waiting = take(&stage, &app, &message),
                Some(Err(_)) | None => return,
            }
            continue;
        }
        // While it works newer wishes come in the place of older ones.
        let work = tokio::time::sleep(stage.plan.pace);
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                () = &mut work => break,
                message = socket.recv() => match message {
                    Some(Ok(message)) => waiting = take(&stage, &app, &message).or(waiting),
                    Some(Err(_)) | None => return,
                },
            }
        }
        let Some(wish) = waiting.take() else { continue };
        if !answer(&mut socket, &stage, wish).await {
            return;
        }
    }
}

/// False: the connection is over.
async fn answer(socket: &mut WebSocket, stage: &Stage, wish: Wish) -> bool {
    let control = |value: serde_json::Value| Message::Text(value.to_string().into());
    let trouble = stage.trouble();
    let said = match trouble {
        Trouble::Silence => None,
        Trouble::Cut => return false,
        Trouble::Timeout => {
            let told = json!({ "type": "x-fal-error", "error": "TIMEOUT", "reason": "no inputs" });
            let _ = socket.send(control(told)).await;
            return false;
        }
        Trouble::Unauthorized => Some(control(json!({ "status": "error", "error": "Unauthorized" }))),
        Trouble::Status(_) => {
            Some(control(json!({ "type": "x-fal-error", "error": "INTERNAL_ERROR", "reason": "It went wrong." })))
        }
        Trouble::Chatter => {
            let _ = socket.send(control(json!({ "type": "x-fal-message", "action": "hello" }))).await;
            Some(picture(&wish, ("url", stage.address(&wish.prompt).into()), false))
        }
        Trouble::Address => Some(picture(&wish, ("url", stage.address(&wish.prompt).into()), false)),
        Trouble::Svg => Some(picture(&wish, ("content", Value::Binary(b"<svg/>".to_vec())), false)),
        Trouble::None
        | Trouble::Blocked
        | Trouble::Redirect
        | Trouble::PlainAddress
        | Trouble::Huge
        | Trouble::Echo => {
            let content = ("content", Value::Binary(png(&wish.prompt)));
            Some(picture(&wish, content, trouble == Trouble::Blocked))
        }
    };
    match said {
        Some(message) => socket.send(message).await.is_ok(),
        None => true,
    }
}

fn picture(wish: &Wish, image: (&str, Value), is_blocked: bool) -> Message {
    let mut answer = vec![
        (
            Value::from("images"),
            Value::Array(vec![Value::Map(vec![
                (Value::from(image.0), image.1),
                (Value::from("content_type"), Value::from("image/png")),
            ])]),
        ),
        (Value::from("seed"), Value::from(7)),
        (Value::from("has_nsfw_concepts"), Value::Array(vec![Value::from(is_blocked)])),
    ];
    if let Some(request) = &wish.request {
        answer.push((Value::from("request_id"), Value::from(request.as_str())));
    }
    let mut bytes = Vec::new();
    // Writing into memory does not fail.
    let _ = rmpv::encode::write_value(&mut bytes, &Value::Map(answer));
    Message::Binary(bytes.into())
}

fn take(stage: &Stage, app: &str, message: &Message) -> Option<Wish> {
    let Message::Binary(bytes) = message else {
        if matches!(message, Message::Text(_)) {
            stage.violation("a text where MessagePack is spoken");
        }
        return None;
    };
    let Ok(asked) = rmpv::decode::read_value(&mut bytes.as_ref()) else {
        stage.violation("no MessagePack");
        return None;
    };
    let entry = |key: &str| {
        let found = asked.as_map()?.iter().find(|(name, _)| name.as_str() == Some(key));
        found.and_then(|(_, value)| value.as_str()).map(str::to_owned)
    };
    let names = asked.as_map().into_iter().flatten().filter_map(|(name, _)| name.as_str());
    let mut like = serde_json::Map::new();
    like.extend(names.map(|name| (name.to_owned(), entry(name).map_or_else(|| json!(1), |text| json!(text)))));
    if let Err(why) = check(&serde_json::Value::Object(like)) {
        stage.violation(why);
    }
    let (prompt, size) = (entry("prompt").unwrap_or_default(), entry("image_size").unwrap_or_default());
    let seen = Seen { way: Way::Socket, path: app.to_owned(), prompt: prompt.clone(), size, has_key: true };
    stage.saw(seen);
    Some(Wish { prompt, request: entry("request_id") })
}

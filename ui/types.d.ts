// Written from the Rust types by `UPDATE_TYPES=1 cargo test -p engine typescript`; do not edit.

/** What the shell sends at most 15 times a second. */
export type Batch = { events: Event[], from: number, to: number, is_stale: boolean };

export type Snapshot = { 
/**
 * Number of the last event that is contained.
 */
seq: number, 
/**
 * The call.
 */
call: Call, 
/**
 * The conversation in its order.
 */
items: Array<Item>, 
/**
 * What stands in the way, if anything.
 */
problem: Problem | null, 
/**
 * Settings as they are in force.
 */
settings: Settings, 
/**
 * Keys: what is stored where, never the keys.
 */
credentials: Array<Credential>, 
/**
 * Microphones and speakers.
 */
devices: Devices, 
/**
 * The sound check, while one runs or its result stands.
 */
sound_check: SoundCheck | null, 
/**
 * Recordings of this conversation.
 */
recording: Recording, 
/**
 * The text pane.
 */
chat: Chat, 
/**
 * The chosen branch of the open conversation, oldest first.
 */
messages: Array<ChatMessage>, 
/**
 * The history, as it was last looked for.
 */
history: Array<HistoryEntry>, 
/**
 * Models that can be chosen, as far as they were looked for.
 */
models: Array<ModelChoice>, 
/**
 * Providers of text.
 */
providers: Array<ChatProvider>, 
/**
 * The API for other programs of this computer.
 */
local_api: LocalApi, 
/**
 * Voice servers on this computer; null: nobody has looked for them.
 */
voice_servers: Array<VoiceServer> | null, 
/**
 * Program and places.
 */
about: About, };

export type Event = { 
/**
 * Rises by one with each event.
 */
seq: number, } & ({ "type": "call", "data": Call } | { "type": "item", "data": { 
/**
 * The whole item.
 */
item: Item, 
/**
 * Id of the item before it.
 */
after: number | null, } } | { "type": "removed", "data": number } | { "type": "cleared" } | { "type": "problem", "data": Problem | null } | { "type": "settings", "data": Settings } | { "type": "credentials", "data": Array<Credential> } | { "type": "devices", "data": Devices } | { "type": "sound_check", "data": SoundCheck | null } | { "type": "recording", "data": Recording } | { "type": "chat", "data": Chat } | { "type": "chat_message", "data": ChatMessage } | { "type": "history", "data": Array<HistoryEntry> } | { "type": "models", "data": Array<ModelChoice> } | { "type": "providers", "data": Array<ChatProvider> } | { "type": "transfer", "data": Transfer } | { "type": "local_api", "data": LocalApi } | { "type": "voice_servers", "data": Array<VoiceServer> } | { "type": "note", "data": Note });

export type Change = { "type": "call", "data": Call } | { "type": "item", "data": { 
/**
 * The whole item.
 */
item: Item, 
/**
 * Id of the item before it.
 */
after: number | null, } } | { "type": "removed", "data": number } | { "type": "cleared" } | { "type": "problem", "data": Problem | null } | { "type": "settings", "data": Settings } | { "type": "credentials", "data": Array<Credential> } | { "type": "devices", "data": Devices } | { "type": "sound_check", "data": SoundCheck | null } | { "type": "recording", "data": Recording } | { "type": "chat", "data": Chat } | { "type": "chat_message", "data": ChatMessage } | { "type": "history", "data": Array<HistoryEntry> } | { "type": "models", "data": Array<ModelChoice> } | { "type": "providers", "data": Array<ChatProvider> } | { "type": "transfer", "data": Transfer } | { "type": "local_api", "data": LocalApi } | { "type": "voice_servers", "data": Array<VoiceServer> } | { "type": "note", "data": Note };

export type Call = { 
/**
 * Who answers.
 */
provider: Provider, 
/**
 * Which model.
 */
model: string, 
/**
 * Which voice.
 */
voice: string, 
/**
 * Which way.
 */
route: Route, 
/**
 * The connection.
 */
link: Link, 
/**
 * The talk button.
 */
talk: Talk, 
/**
 * Who ends a turn.
 */
mode: Mode, 
/**
 * Push to talk was locked by a tap: it goes on without a finger.
 */
is_locked: boolean, 
/**
 * The microphone is muted by the user.
 */
is_muted: boolean, 
/**
 * The microphone runs (pre-roll is kept in memory).
 */
is_armed: boolean, 
/**
 * A file that stands in for the microphone was spoken to its end.
 */
is_input_over: boolean, 
/**
 * Open mode: the talk key is down, so nothing is answered before it goes up.
 */
is_floor_held: boolean, 
/**
 * Sound of the microphone went out within the last 300 ms: by what the network took, not by what was pressed.
 */
is_live: boolean, 
/**
 * When the call began, unix ms; null without a call.
 */
started_at: number | null, 
/**
 * From the user's last voiced sample (or typed message) to the first audible one of the answer, ms.
 */
first_sound_ms: number | null, 
/**
 * Utterances and messages that wait for an answer.
 */
waiting: number, 
/**
 * Until then a limit holds up what waits, unix ms; null: none does.
 */
limited_until: number | null, 
/**
 * How often a connection was there when it was needed, since the app began.
 */
connections: Connections, 
/**
 * About what a minute of talking costs with each voice.
 */
minute_costs: Array<MinuteCost>, };

export type Connections = { 
/**
 * Calls, turns and messages that needed one.
 */
turns: number, 
/**
 * It was in use and ready.
 */
reused: number, 
/**
 * It had been opened ahead and was open; of those that were not in use.
 */
warm: number, };

export type MinuteCost = { 
/**
 * Who answers.
 */
provider: Provider, 
/**
 * Nano-dollars (a billion is one US dollar); null: not known.
 */
nano: number | null, };

export type Provider = "practice" | "openai" | "google" | "cascade" | "elevenlabs" | "deepgram" | "gpt_live";

export type Route = "direct" | "gateway" | "endpoint";

export type Link = { "state": "idle" } | { "state": "connecting" } | { "state": "live" } | { "state": "reconnecting", 
/**
 * This try, from 1.
 */
attempt: number, 
/**
 * Tries before giving up.
 */
of: number, 
/**
 * Why the connection was lost, or the last try failed.
 */
problem: Problem, };

export type Talk = "ready" | "listening" | "thinking" | "speaking" | "muted" | "blocked";

export type Mode = "ptt" | "open";

export type Item = { 
/**
 * Stable id.
 */
id: number, 
/**
 * `user` or `assistant`.
 */
role: Role, 
/**
 * How it was said.
 */
kind: Kind, 
/**
 * Caption or message; the heard part of an interrupted answer. Plain text.
 */
text: string, 
/**
 * The tail of an interrupted answer that was never heard.
 */
unheard: string, 
/**
 * Whether the text can still change.
 */
is_final: boolean, 
/**
 * How far it has come.
 */
delivery: Delivery, 
/**
 * When it began, unix ms.
 */
at: number, 
/**
 * Audio spoken or received, ms.
 */
duration_ms: number, 
/**
 * How much of an interrupted answer was played, ms.
 */
heard_ms: number | null, 
/**
 * From the user's last voiced sample (or the typed message) to the first audible one of this answer, ms.
 */
first_sound_ms: number | null, 
/**
 * Where that time went, once it is known.
 */
waterfall: Waterfall | null, 
/**
 * Tokens of the response.
 */
usage: Usage | null, 
/**
 * Why it waits or failed.
 */
problem: Problem | null, };

export type Role = "user" | "assistant";

export type Kind = "spoken" | "typed" | { "tool_call": string };

export type Delivery = "recording" | "sent" | "kept" | "answered" | "arriving" | "complete" | "interrupted" | "failed";

export type Usage = { 
/**
 * Text tokens of the context.
 */
input_text: number, 
/**
 * Audio tokens of the context.
 */
input_audio: number, 
/**
 * Cached part of `input_text`.
 */
cached_text: number, 
/**
 * Cached part of `input_audio`.
 */
cached_audio: number, 
/**
 * Text tokens generated.
 */
output_text: number, 
/**
 * Audio tokens generated.
 */
output_audio: number, 
/**
 * How long the session was open since the response before this one, ms; 0 where tokens count.
 */
session_ms: number, };

export type Supply = "reused" | "warm" | "cold";

export type Waterfall = { 
/**
 * The question was typed.
 */
is_typed: boolean, 
/**
 * What it found when it needed a connection; null: not kept in those days.
 */
supply: Supply | null, 
/**
 * The turn was over: key up and the tail captured, or the provider's detector said so.
 */
turn_end_ms: number | null, 
/**
 * The answer was asked for on the wire: by us, or by the provider itself when it took the turn.
 */
request_ms: number | null, 
/**
 * The first piece of the answer came.
 */
first_delta_ms: number | null, 
/**
 * Its first sample was audible, the speaker's own delay included.
 */
first_sound_ms: number | null, };

export type Problem = { 
/**
 * What kind.
 */
code: Code, 
/**
 * Particulars in the words of the provider or the system; never a key.
 */
detail: string, };

export type Code = "no_credential" | "credential_refused" | "not_permitted" | "quota" | "budget" | "rate_limited" | "refused" | "offline" | "proxy" | "tls" | "provider_trouble" | "answer_failed" | "gateway_missing" | "gateway_refused" | "endpoint_missing" | "insecure_route" | "no_microphone" | "microphone_refused" | "microphone_silent" | "no_speaker" | "device_lost" | "no_keychain" | "keychain_locked" | "settings_damaged" | "recording_failed" | "history_failed" | "unsent" | "internal";

export type Credential = { 
/**
 * Whose key.
 */
holder: Holder, 
/**
 * Where it is.
 */
place: Place, 
/**
 * Name of the environment variable, when it comes from there.
 */
variable: string | null, 
/**
 * Result of the last test.
 */
test: KeyTest | null, };

export type Holder = "openai" | "gateway" | "endpoint" | "anthropic" | "google" | "vertex" | "huggingface" | "perplexity" | "deepseek" | "groq" | "openrouter" | "mistral" | "xai" | "cerebras" | "workers_ai" | "custom" | "deepgram" | "elevenlabs" | "cartesia" | "fal";

export type Place = "unknown" | "missing" | "stored" | "environment" | "session_only" | "locked" | "no_keychain";

export type KeyTest = { 
/**
 * A test runs now.
 */
is_running: boolean, 
/**
 * The provider accepts the key.
 */
is_valid: boolean | null, 
/**
 * The account has credit.
 */
has_credit: boolean | null, 
/**
 * The realtime model may be used.
 */
allows_voice: boolean | null, 
/**
 * What kind of problem the test met, if one.
 */
code: Code | null, 
/**
 * Particulars, never the key.
 */
detail: string, };

export type Devices = { 
/**
 * Microphones, default first.
 */
inputs: Array<Device>, 
/**
 * Speakers, default first.
 */
outputs: Array<Device>, 
/**
 * Name of the microphone in use; null when none is open.
 */
input_in_use: string | null, 
/**
 * Name of the speaker in use; null when none is open.
 */
output_in_use: string | null, };

export type Device = { 
/**
 * Stable id, for the settings.
 */
id: string, 
/**
 * Readable name.
 */
name: string, 
/**
 * The system's default.
 */
is_default: boolean, };

export type SoundCheck = { 
/**
 * Where it stands.
 */
phase: CheckPhase, 
/**
 * Seconds left in this phase.
 */
seconds_left: number, 
/**
 * Loudest moment so far, dBFS.
 */
peak_dbfs: number, 
/**
 * Quietest moment so far, dBFS: the noise of the room.
 */
floor_dbfs: number, 
/**
 * The verdict on the spoken words, once they were heard.
 */
verdict: Verdict | null, 
/**
 * What the chirp found, once it was heard.
 */
room: Room | null, };

export type CheckPhase = "listening" | "playing" | "measuring" | "done";

export type Verdict = "good" | "quiet" | "clipping" | "silent" | "noisy";

export type Room = { 
/**
 * What follows for the echo.
 */
finding: Finding, 
/**
 * From the speaker to the microphone, in ms; null when the microphone does not hear the speaker.
 */
delay_ms: number | null, 
/**
 * How much quieter the microphone hears what is played, in dB; negative when louder.
 */
echo_loss_db: number | null, 
/**
 * Noise of the room, dBFS (-90 = digital silence).
 */
noise_dbfs: number, 
/**
 * The microphone clipped.
 */
is_clipped: boolean, 
/**
 * The speaker, or the microphone, distorts a lot.
 */
is_distorted: boolean, 
/**
 * Clock of the microphone.
 */
input_rate: Rate, 
/**
 * Clock of the speaker.
 */
output_rate: Rate, 
/**
 * A Bluetooth headset in its hands-free profile: both directions sound as over a telephone.
 */
is_hands_free: boolean, 
/**
 * How unevenly sound arrives from the microphone, in ms.
 */
jitter_ms: number, 
/**
 * The echo over time in dB of what was played, in steps of 5 ms from 0 on; empty without an echo.
 */
curve: Array<number>, 
/**
 * It will be used the next time these two devices are: they were the only ones, and it could be told.
 */
is_kept: boolean, };

export type Finding = "speakers" | "headphones" | "too_strong" | "unclear" | "silent";

export type Rate = { 
/**
 * Samples per second as it says, in Hz.
 */
claimed_hz: number, 
/**
 * Samples per second as counted, in Hz.
 */
true_hz: number, 
/**
 * They differ by more than 1 %.
 */
is_off: boolean, };

export type Note = { "note": "device_replaced", 
/**
 * Readable name.
 */
name: string, } | { "note": "device_back", 
/**
 * Readable name.
 */
name: string, } | { "note": "insecure_subprotocol" } | { "note": "past_gateway" } | { "note": "session_only_key" } | { "note": "network_too_slow" } | { "note": "renewed" } | { "note": "continued_on", 
/**
 * Who answers now.
 */
provider: Provider, } | { "note": "stood_in", 
/**
 * Who failed.
 */
failed: Provider, 
/**
 * Who answers now.
 */
provider: Provider, 
/**
 * Why.
 */
code: Code, } | { "note": "hung_up", 
/**
 * For so long.
 */
seconds: number, } | { "note": "agent_left" } | { "note": "budget_near", 
/**
 * What is left of it, nano-dollars.
 */
left_nano: number, 
/**
 * The whole, nano-dollars.
 */
limit_nano: number, } | { "note": "muted_costs" } | { "note": "speaking_muted" } | { "note": "hands_free", 
/**
 * Readable name of the headset.
 */
name: string, 
/**
 * A better microphone, if there is one.
 */
microphone: Device | null, } | { "note": "not_open_yet" } | { "note": "turn_ends_soon", 
/**
 * Until it is ended and sent.
 */
seconds: number, } | { "note": "turn_ended" } | { "note": "recording_gap", 
/**
 * How much is missing, ms.
 */
ms: number, };

export type Recording = { 
/**
 * The user wants it recorded: at once, or as soon as the microphone runs.
 */
is_on: boolean, 
/**
 * Sound is being recorded since then, unix ms; null when it is not.
 */
since: number | null, 
/**
 * Recordings of this conversation, oldest first; the last one may be under way.
 */
takes: Array<Take>, 
/**
 * Turns that can be heard again.
 */
turns: Array<RecordedTurn>, 
/**
 * What is heard again now.
 */
replay: Replay | null, 
/**
 * Folder of the recordings.
 */
folder: string, };

export type Take = { 
/**
 * File name; its name in commands.
 */
name: string, 
/**
 * When it began, unix ms.
 */
began: number, 
/**
 * How long it is, ms; null while it is under way.
 */
duration_ms: number | null, };

export type RecordedTurn = { 
/**
 * The item that was spoken.
 */
item: number, 
/**
 * Who spoke it.
 */
role: Role, 
/**
 * Name of the recording.
 */
take: string, 
/**
 * Where it begins, ms.
 */
start_ms: number, 
/**
 * Where it ends, ms.
 */
end_ms: number, };

export type Replay = { 
/**
 * The turn, if it is one.
 */
item: number | null, 
/**
 * Name of the recording.
 */
take: string, 
/**
 * Where it began to be heard, ms in the recording.
 */
from_ms: number, 
/**
 * Where it ends, ms in the recording.
 */
to_ms: number, 
/**
 * When it began to be heard, unix ms; null while it is fetched.
 */
since: number | null, };

export type About = { 
/**
 * Version.
 */
version: string, 
/**
 * Settings file.
 */
settings: string, 
/**
 * Log folder.
 */
log: string, };

export type Chat = { 
/**
 * Its id in the history; null: nothing was written in it yet.
 */
conversation: number | null, 
/**
 * Its title; empty: none yet.
 */
title: string, 
/**
 * What the model is told about itself and the user, in this conversation.
 */
system: string, 
/**
 * The chosen branch, oldest first: ids of messages.
 */
branch: Array<number>, 
/**
 * An answer is being made.
 */
is_answering: boolean, 
/**
 * A limit keeps the request back, or the failure of its last try.
 */
waiting: Waiting | null, 
/**
 * Who is asked next.
 */
target: Target, 
/**
 * What sending the draft would cost about, nano-dollars; null: not known.
 */
estimate_nano: number | null, 
/**
 * The message that is being written.
 */
draft: string, 
/**
 * Kept system prompts.
 */
presets: Array<Preset>, 
/**
 * Money spent and allowed.
 */
budget: Budget, };

export type Target = { 
/**
 * Id of the provider.
 */
provider: string, 
/**
 * Id of the model, as the provider spells it.
 */
model: string, };

export type Waiting = { 
/**
 * Whose limit, or who failed; empty: the limit is the user's own.
 */
provider: string, 
/**
 * It goes out at this time, unix ms.
 */
until_ms: number, 
/**
 * The try that comes then; null: the first one.
 */
retry: Retry | null, };

export type Retry = { 
/**
 * Which one, from 2.
 */
attempt: number, 
/**
 * As many are made.
 */
attempts: number, 
/**
 * What became of the last one.
 */
why: FailureKind, };

export type Budget = { 
/**
 * Spent in this conversation.
 */
conversation_nano: number, 
/**
 * Spent since midnight.
 */
day_nano: number, 
/**
 * Spent since the first of the month.
 */
month_nano: number, 
/**
 * Most for a conversation; null: no limit.
 */
conversation_limit_nano: number | null, 
/**
 * Most for a day; null: no limit.
 */
day_limit_nano: number | null, 
/**
 * Most for a month; null: no limit.
 */
month_limit_nano: number | null, };

export type Preset = { 
/**
 * Its name; there is one of each.
 */
name: string, 
/**
 * The prompt.
 */
system: string, 
/**
 * The model it is meant for; null: any.
 */
target: Target | null, };

export type ChatMessage = { 
/**
 * Stable id.
 */
id: number, 
/**
 * The message it follows; null: the first one.
 */
parent: number | null, 
/**
 * Who wrote it.
 */
role: Role, 
/**
 * It was spoken.
 */
is_voice: boolean, 
/**
 * The item of the present call that it is; null: of an earlier call, or written here.
 */
item: number | null, 
/**
 * Markdown of the model, plain text of the user.
 */
text: string, 
/**
 * What the model thought; may be empty.
 */
reasoning: string, 
/**
 * Sources, numbered from 1 in this order.
 */
citations: Array<Citation>, 
/**
 * What came with it.
 */
attachments: Array<Attachment>, 
/**
 * It is a picture of what the text says (its attachment, once it is made), in this shape; null: it is not.
 */
picture: Shape | null, 
/**
 * How far it has come.
 */
state: MessageState, 
/**
 * Why it failed or broke off.
 */
failure: ChatFailure | null, 
/**
 * Who answered; null for the user's messages.
 */
target: Target | null, 
/**
 * Who was asked first, when somebody else answered in the end.
 */
fell_back_from: Target | null, 
/**
 * How it came about, once it is over.
 */
receipt: Receipt | null, 
/**
 * When it was written, unix ms.
 */
at: number, 
/**
 * Its place among the versions of this message, from 0.
 */
version: number, 
/**
 * Ids of all versions of this message, oldest first.
 */
versions: Array<number>, };

export type MessageState = "streaming" | "done" | "stopped" | "failed";

export type Enclosed = { 
/**
 * So many pictures.
 */
pictures: number, 
/**
 * So many bytes of text.
 */
text_bytes: number, };

export type Shape = "square" | "landscape" | "portrait";

export type Citation = { 
/**
 * Where.
 */
url: string, 
/**
 * What it is called; may be empty.
 */
title: string, };

export type Attachment = { 
/**
 * Name of the file.
 */
name: string, 
/**
 * `image/png`, `text/plain`, …: pictures and texts only.
 */
mime: string, 
/**
 * Of a picture: the file in base64. Of a text: the text.
 */
data: string, };

export type ChatFailure = { 
/**
 * What can be done about it.
 */
kind: FailureKind, 
/**
 * The provider's words; never a key.
 */
message: string, 
/**
 * The provider's or gateway's code.
 */
code: string | null, 
/**
 * HTTP status.
 */
status: number | null, };

export type FailureKind = "credential" | "quota" | "rate_limited" | "model" | "address" | "too_long" | "invalid" | "refused" | "unavailable" | "timed_out" | "unreachable" | "broken" | "gateway" | "budget" | "cancelled";

export type Receipt = { 
/**
 * Which way it went.
 */
way: Way, 
/**
 * Whether it came out of a cache.
 */
cache: CacheMark, 
/**
 * Requests that were made for it.
 */
attempts: number, 
/**
 * Tokens of the prompt.
 */
input_tokens: number, 
/**
 * Of these, out of the provider's cache.
 */
cached_tokens: number, 
/**
 * Tokens of the answer.
 */
output_tokens: number, 
/**
 * Of these, reasoning.
 */
reasoning_tokens: number, 
/**
 * Nano-dollars; null: no price is known.
 */
cost_nano: number | null, 
/**
 * Until the first token, ms; null: there was none.
 */
first_ms: number | null, 
/**
 * Until its end, ms.
 */
total_ms: number, 
/**
 * What Cloudflare's gateway told: cache status, log id, step of the fallback.
 */
gateway: GatewayEcho | null, 
/**
 * The limit of tokens cut it short.
 */
is_cut: boolean, };

export type GatewayEcho = { 
/**
 * `HIT`, `MISS`; empty: not told.
 */
cache_status: string, 
/**
 * Id in the gateway's log; empty: not told.
 */
log_id: string, 
/**
 * Which provider of its chain answered, from 0; empty: not told.
 */
step: string, 
/**
 * The model that a route of its own or its auto router chose; empty: not told.
 */
routed: string, 
/**
 * Why the auto router chose it; empty: not told.
 */
reason: string, 
/**
 * Id of the auto router's decision; empty: not told.
 */
decision_id: string, 
/**
 * Id of the request, where it is not that of the log; empty: not told.
 */
request_id: string, };

export type Way = "direct" | "gateway" | "stored_key";

export type CacheMark = "off" | "miss" | "hit" | "coalesced" | "remote";

export type ChatPolicy = "chain" | "cheapest" | "fastest" | "most_reliable";

export type HistoryEntry = { 
/**
 * Its id.
 */
id: number, 
/**
 * Its title; empty: none yet.
 */
title: string, 
/**
 * Kept at the top.
 */
is_pinned: boolean, 
/**
 * Last change, unix ms.
 */
at: number, 
/**
 * Begin of its last message.
 */
preview: string, 
/**
 * Number of messages.
 */
count: number, 
/**
 * Where the words that were looked for stand; empty without a search.
 */
found: Array<Fragment>, };

export type Fragment = { 
/**
 * The text.
 */
text: string, 
/**
 * It is what was looked for.
 */
is_hit: boolean, };

export type ModelChoice = { 
/**
 * Id of the provider.
 */
provider: string, 
/**
 * Id of the model.
 */
model: string, 
/**
 * Tokens it can take; null: not known.
 */
context: number | null, 
/**
 * A million tokens of prompt, nano-dollars; null: not known.
 */
input_nano: number | null, 
/**
 * A million tokens of answer, nano-dollars; null: not known.
 */
output_nano: number | null, 
/**
 * It takes pictures; null: not known.
 */
takes_images: boolean | null, };

export type ChatProvider = { 
/**
 * Its id.
 */
id: string, 
/**
 * Its name.
 */
name: string, 
/**
 * Whose key it takes; null: none is needed.
 */
holder: Holder | null, 
/**
 * A key is at hand (or none is needed), as far as it is known.
 */
is_ready: boolean, 
/**
 * It runs on this computer.
 */
is_local: boolean, 
/**
 * Where keys are made; empty: nowhere.
 */
key_url: string, 
/**
 * Where credit is added; empty: nowhere.
 */
billing_url: string, 
/**
 * Where it tells of its troubles; empty: nowhere.
 */
status_url: string, 
/**
 * Where it is reached, unless the user has another address for it; empty: it has none of its own.
 */
usual_address: string, 
/**
 * How it did lately.
 */
health: ProviderHealth | null, 
/**
 * Why its models could not be listed.
 */
failure: ChatFailure | null, };

export type ProviderHealth = { 
/**
 * It failed too often: it is left alone for a while.
 */
is_paused: boolean, 
/**
 * Half of the first tokens came within this time, ms; null: not known.
 */
p50_ms: number | null, 
/**
 * 95 % of them, ms.
 */
p95_ms: number | null, 
/**
 * 99 % of them, ms.
 */
p99_ms: number | null, 
/**
 * Its last failure; empty: none.
 */
last_failure: string, };

export type Transfer = { 
/**
 * It is an import.
 */
is_import: boolean, 
/**
 * Conversations that are through.
 */
done: number, 
/**
 * All of them; null: not known yet.
 */
total: number | null, 
/**
 * It is over.
 */
is_over: boolean, 
/**
 * The file.
 */
path: string, 
/**
 * What went wrong; empty: nothing.
 */
failure: string, };

export type ExportFormat = "markdown" | "json" | "json_lines" | "srt" | "vtt" | "usage_csv";

export type LocalApi = { 
/**
 * Base URL while it runs; null: it does not.
 */
url: string | null, 
/**
 * File that holds its token.
 */
token_file: string, 
/**
 * Why it does not run although it should; empty: nothing is wrong.
 */
failure: string, };

export type Command = { "do": "press" } | { "do": "release" } | { "do": "let_go" } | { "do": "leave" } | { "do": "discard" } | { "do": "stop" } | { "do": "say", 
/**
 * The message.
 */
text: string, } | { "do": "call" } | { "do": "warm" } | { "do": "preview_voice" } | { "do": "hang_up" } | { "do": "mute", 
/**
 * Wanted state.
 */
is_muted: boolean, } | { "do": "resend" } | { "do": "forget", 
/**
 * Which.
 */
id: number, } | { "do": "new_conversation" } | { "do": "dismiss" } | { "do": "configure", 
/**
 * Only the keys to change.
 */
patch: any, } | { "do": "check_keys" } | { "do": "test_key", 
/**
 * Whose.
 */
holder: Holder, } | { "do": "delete_key", 
/**
 * Whose.
 */
holder: Holder, } | { "do": "find_devices" } | { "do": "find_voice_servers" } | { "do": "sound_check" } | { "do": "measure_room" } | { "do": "end_sound_check" } | { "do": "record", 
/**
 * Wanted state.
 */
is_on: boolean, } | { "do": "replay", 
/**
 * The item.
 */
item: number, } | { "do": "replay_back" } | { "do": "stop_replay" } | { "do": "delete_recording", 
/**
 * Its name.
 */
name: string, } | { "do": "ask", 
/**
 * The message.
 */
text: string, 
/**
 * What goes with it.
 */
attachments: Array<Attachment>, } | { "do": "stop_answer" } | { "do": "make_picture", 
/**
 * What is to be seen.
 */
prompt: string, 
/**
 * Its shape.
 */
shape: Shape, } | { "do": "save_picture", 
/**
 * The message.
 */
message: number, } | { "do": "regenerate", 
/**
 * The answer.
 */
message: number, } | { "do": "edit_message", 
/**
 * The message.
 */
message: number, 
/**
 * Its new text.
 */
text: string, } | { "do": "continue", 
/**
 * The answer.
 */
message: number, } | { "do": "choose_branch", 
/**
 * The version.
 */
message: number, } | { "do": "choose_model", 
/**
 * Id of the provider.
 */
provider: string, 
/**
 * Id of the model.
 */
model: string, } | { "do": "find_models" } | { "do": "find_history", 
/**
 * Words of it; empty: all.
 */
query: string, } | { "do": "open_conversation", 
/**
 * Which.
 */
id: number, } | { "do": "new_chat" } | { "do": "rename_conversation", 
/**
 * Which.
 */
id: number, 
/**
 * Its title.
 */
title: string, } | { "do": "pin_conversation", 
/**
 * Which.
 */
id: number, 
/**
 * Wanted state.
 */
is_pinned: boolean, } | { "do": "delete_conversation", 
/**
 * Which.
 */
id: number, } | { "do": "save_draft", 
/**
 * The text.
 */
text: string, 
/**
 * What is attached to it; it is only counted.
 */
files: Enclosed, } | { "do": "set_system_prompt", 
/**
 * The text.
 */
text: string, } | { "do": "save_preset", 
/**
 * The name.
 */
name: string, } | { "do": "delete_preset", 
/**
 * Its name.
 */
name: string, } | { "do": "export", 
/**
 * Which; empty: all.
 */
ids: Array<number>, 
/**
 * Its format.
 */
format: ExportFormat, 
/**
 * The file; empty: a new one in the folder of exports.
 */
path: string, 
/**
 * Whether a file that is there may be replaced: the user was asked.
 */
replaces: boolean, } | { "do": "import", 
/**
 * The file.
 */
path: string, };

export type Levels = { 
/**
 * Microphone.
 */
input: number, 
/**
 * Speaker.
 */
output: number, 
/**
 * The microphone clipped in the last second.
 */
clipped: boolean, };

export type Settings = { 
/**
 * Who answers, which way, who ends a turn.
 */
call: CallSettings, 
/**
 * How it speaks and listens.
 */
voice: VoiceSettings, 
/**
 * Per provider.
 */
providers: Providers, 
/**
 * Who listens, thinks and speaks when these are three.
 */
cascade: CascadeSettings, 
/**
 * Cloudflare AI Gateway.
 */
gateway: GatewaySettings, 
/**
 * The user's own server.
 */
endpoint: EndpointSettings, 
/**
 * Text: who answers, how.
 */
chat: ChatSettings, 
/**
 * The user's own server of text.
 */
custom: CustomSettings, 
/**
 * Google Vertex AI.
 */
vertex: VertexSettings, 
/**
 * Most requests.
 */
limits: LimitSettings, 
/**
 * Most money.
 */
budget: BudgetSettings, 
/**
 * Answers that are given again.
 */
cache: CacheSettings, 
/**
 * What the model may do beside talking.
 */
tools: ToolSettings, 
/**
 * What is kept.
 */
history: HistorySettings, 
/**
 * The API for other programs of this computer.
 */
local_api: LocalApiSettings, 
/**
 * Devices.
 */
audio: AudioSettings, 
/**
 * Look.
 */
appearance: AppearanceSettings, 
/**
 * First run.
 */
first_run: FirstRun, };

export type CallSettings = { 
/**
 * Who answers.
 */
provider: Provider, 
/**
 * Which way (not for the practice partner).
 */
route: Route, 
/**
 * Push to talk or open microphone.
 */
mode: Mode, 
/**
 * Who answers when that one fails, in this order; empty: nobody. They hear the conversation.
 */
stand_ins: Array<Provider>, 
/**
 * A call with a voice that is paid by the second ends when nobody has spoken for so many seconds; 0 = never.
 */
idle_hang_up_s: number, 
/**
 * So long before a provider ends a connection, s, another one takes over between two turns; of short ones, a quarter.
 */
renew_before_s: number, };

export type VoiceSettings = { 
/**
 * What the model is told about itself and the user; empty = the provider's default.
 */
instructions: string, 
/**
 * Language of the user as ISO-639-1 (`en`), empty = any.
 */
language: string, 
/**
 * Whether the user's words are shown as text.
 */
captions: boolean, 
/**
 * Detector of the end of a turn in open mode.
 */
detector: Detector, 
/**
 * 0 = quick, 1 = patient (open mode).
 */
patience: number, 
/**
 * Noise reduction at the provider.
 */
noise_reduction: NoiseReduction, 
/**
 * How fast it speaks, 0.75 to 1.5; 1 = as it likes.
 */
speed: number, };

export type Detector = "silence" | "meaning";

export type NoiseReduction = "off" | "headset" | "room";

export type Providers = { 
/**
 * `[providers.openai]`
 */
openai: OpenaiSettings, 
/**
 * `[providers.google]`
 */
google: GoogleSettings, 
/**
 * `[providers.deepgram]`
 */
deepgram: DeepgramSettings, 
/**
 * `[providers.elevenlabs]`
 */
elevenlabs: ElevenlabsSettings, 
/**
 * `[providers.cartesia]`
 */
cartesia: CartesiaSettings, 
/**
 * `[providers.workers]`
 */
workers: WorkersSettings, 
/**
 * `[providers.gpt_live]`
 */
gpt_live: GptLiveSettings, 
/**
 * `[providers.fal]`
 */
fal: FalSettings, };

export type OpenaiSettings = { 
/**
 * Base URL; `/realtime?model=` is added. `https` means `wss`.
 */
base_url: string, 
/**
 * Model id.
 */
model: string, 
/**
 * Voice name.
 */
voice: string, 
/**
 * Model that turns the user's speech into text.
 */
transcription_model: string, 
/**
 * Reasoning effort of 2.x models; empty = the provider's default.
 */
reasoning_effort: string, 
/**
 * `OpenAI-Organization` header; empty = none.
 */
organization: string, 
/**
 * `OpenAI-Project` header; empty = none.
 */
project: string, 
/**
 * How long one connection lasts, s, where the provider does not tell; another one is made in time. 0 = not known.
 */
connection_seconds: number, 
/**
 * How long a connection that was opened ahead may wait unused, s.
 */
idle_seconds: number, };

export type GoogleSettings = { 
/**
 * Base URL; the path of the Live API is added. `https` means `wss`.
 */
base_url: string, 
/**
 * Version in the path: `v1beta`, `v1` or `v1alpha`.
 */
version: string, 
/**
 * Model id.
 */
model: string, 
/**
 * Voice name.
 */
voice: string, 
/**
 * How long Google keeps a connection, s; another one is made in time. 0 = not known.
 */
connection_seconds: number, 
/**
 * How long a connection that was opened ahead may wait unused, s.
 */
idle_seconds: number, 
/**
 * Tokens of context at which the oldest go; 0 = Google decides. Less costs less: every turn is billed with all of it.
 */
context_tokens: number, };

export type DeepgramSettings = { 
/**
 * Base URL of ears and mouths.
 */
base_url: string, 
/**
 * Base URL of the Voice Agent.
 */
agent_base_url: string, 
/**
 * Ear that knows turns.
 */
flux_model: string, 
/**
 * Ear that does not.
 */
nova_model: string, 
/**
 * Mouth: names the voice, of Aura (`aura-2-…`) or Flux (`flux-…`).
 */
voice: string, 
/**
 * The Voice Agent's text model, as `provider/model`.
 */
agent_model: string, 
/**
 * How long one connection of an ear or a mouth lasts, s; another one is made in time. 0 = not known.
 */
connection_seconds: number, 
/**
 * The same of the Voice Agent.
 */
agent_connection_seconds: number, };

export type ElevenlabsSettings = { 
/**
 * Base URL.
 */
base_url: string, 
/**
 * Id of the agent to talk with.
 */
agent_id: string, 
/**
 * The agent's own settings allow that instructions and language are replaced; otherwise it refuses who tries.
 */
agent_overrides: boolean, 
/**
 * Ear.
 */
scribe_model: string, 
/**
 * Mouth.
 */
model: string, 
/**
 * Voice id.
 */
voice: string, 
/**
 * How long one connection of an ear or a mouth lasts, s; another one is made in time. 0 = not known.
 */
connection_seconds: number, 
/**
 * The same of the agent, as its own settings say (its longest conversation).
 */
agent_connection_seconds: number, };

export type CartesiaSettings = { 
/**
 * Base URL.
 */
base_url: string, 
/**
 * The API's version date.
 */
version: string, 
/**
 * Ear.
 */
ink_model: string, 
/**
 * Mouth.
 */
model: string, 
/**
 * Voice id.
 */
voice: string, 
/**
 * How long one connection lasts, s; another one is made in time. 0 = not known.
 */
connection_seconds: number, };

export type WorkersSettings = { 
/**
 * Base URL; the account and the model are added.
 */
base_url: string, 
/**
 * Ear that knows turns.
 */
flux_model: string, 
/**
 * Ear that does not.
 */
nova_model: string, 
/**
 * Mouth.
 */
aura_model: string, 
/**
 * The mouth's voice.
 */
voice: string, 
/**
 * How long one connection lasts, s; another one is made in time. 0 = not known.
 */
connection_seconds: number, };

export type FalSettings = { 
/**
 * Base URL; the app's id is added. The key is sent there.
 */
base_url: string, 
/**
 * Id of the app that makes pictures. One that ends in `/realtime` is asked over a socket that stays open; through
 * the gateway, which has no such sockets, over HTTP and without that ending.
 */
app: string, 
/**
 * Which way requests go.
 */
way: Way, 
/**
 * Price of a picture in US dollars; below 0: as listed.
 */
price: number, };

export type GptLiveSettings = { 
/**
 * Model id.
 */
model: string, 
/**
 * Voice name.
 */
voice: string, 
/**
 * How long one connection lasts, s, where the provider does not tell; another one is made in time. 0 = not known.
 */
connection_seconds: number, };

export type CascadeSettings = { 
/**
 * Speech to text.
 */
ear: Ear, 
/**
 * Text to speech.
 */
mouth: Mouth, 
/**
 * The text model as `provider/model`; empty = the text pane's.
 */
brain: string, 
/**
 * Base URL of the user's own speech server (`http://localhost:8000/v1`).
 */
local_base_url: string, 
/**
 * Its model for listening.
 */
local_ear_model: string, 
/**
 * Its model for speaking.
 */
local_mouth_model: string, 
/**
 * Its voice.
 */
local_voice: string, 
/**
 * `OpenAI`'s model for listening.
 */
openai_ear_model: string, 
/**
 * `OpenAI`'s model for speaking.
 */
openai_mouth_model: string, 
/**
 * `OpenAI`'s voice.
 */
openai_voice: string, 
/**
 * How long connections that were opened ahead may wait unused, s.
 */
idle_seconds: number, };

export type Ear = "deepgram_flux" | "deepgram_nova" | "workers_flux" | "workers_nova" | "elevenlabs" | "cartesia" | "openai" | "local";

export type Mouth = "deepgram_aura" | "workers_aura" | "elevenlabs" | "cartesia" | "openai" | "local";

export type GatewaySettings = { 
/**
 * Base URL; `/{account_id}/{gateway_id}/openai?model=` is added.
 */
base_url: string, 
/**
 * 32 hex digits.
 */
account_id: string, 
/**
 * Name of the gateway.
 */
gateway_id: string, 
/**
 * Use the key stored at the gateway: no `OpenAI` key is sent.
 */
stored_key: boolean, 
/**
 * What the gateway is told with each text request.
 */
requests: GatewayRequests, 
/**
 * The same for single providers.
 */
providers: Array<ProviderRequests>, };

export type EndpointSettings = { 
/**
 * Base URL of a server that speaks the Realtime protocol, `ws://localhost:8765/v1` for example.
 */
base_url: string, 
/**
 * Model name it wants; empty = the `OpenAI` model's name.
 */
model: string, 
/**
 * Voice name it wants; empty = the `OpenAI` voice's name.
 */
voice: string, };

export type ChatSettings = { 
/**
 * Id of the provider that is asked first; `practice` needs no key and costs nothing.
 */
provider: string, 
/**
 * Id of its model.
 */
model: string, 
/**
 * Which way requests go.
 */
way: Way, 
/**
 * Who is asked when several could be.
 */
policy: ChatPolicy, 
/**
 * Who else may be asked, in this order.
 */
fallback: Array<Target>, 
/**
 * With nobody in that list, every provider with a key may stand in, with its usual model.
 */
stand_in: boolean, 
/**
 * 0 to 2; below 0: the model's own.
 */
temperature: number, 
/**
 * Most tokens of an answer; 0: the model's own limit.
 */
max_output: number, 
/**
 * How much the model should think: `low`, `medium`, `high`; empty: its default.
 */
effort: string, 
/**
 * What the model is told about itself and the user in new conversations.
 */
system: string, 
/**
 * A cheap model may be asked for titles (a few tokens each), and for summaries of long calls.
 */
titles: boolean, 
/**
 * Base URLs in place of the usual ones.
 */
addresses: Array<Address>, 
/**
 * Prices in place of the listed ones.
 */
prices: Array<ModelPrice>, 
/**
 * What is different for single providers.
 */
terms: Array<ProviderTerms>, };

export type Address = { 
/**
 * Id of the provider.
 */
provider: string, 
/**
 * Base URL.
 */
url: string, };

export type ModelPrice = { 
/**
 * Id of the provider.
 */
provider: string, 
/**
 * Id of the model.
 */
model: string, 
/**
 * Of the prompt.
 */
input: number, 
/**
 * Of its part out of the provider's cache; below 0: as the rest.
 */
cached: number, 
/**
 * Of its part that goes into the provider's cache; below 0: as the rest.
 */
written: number, 
/**
 * Of its sound; below 0: as the rest.
 */
input_audio: number, 
/**
 * Of the answer.
 */
output: number, 
/**
 * Of its sound; below 0: as the rest.
 */
output_audio: number, 
/**
 * A minute that is heard or said, or that a connection is open.
 */
per_minute: number, 
/**
 * A thousand characters that are said.
 */
per_thousand_characters: number, };

export type ProviderTerms = { 
/**
 * Id of the provider.
 */
provider: string, 
/**
 * Which way its requests go; null: as those of the others.
 */
way: Way | null, 
/**
 * Most requests a minute to it; 0: as to the others.
 */
requests_per_minute: number, };

export type CustomSettings = { 
/**
 * Base URL of a server that speaks `OpenAI`'s chat protocol, `http://localhost:11434/v1` for example.
 */
base_url: string, };

export type VertexSettings = { 
/**
 * Id of the Google Cloud project; empty: the one of the service account.
 */
project: string, 
/**
 * Region, `us-central1` for example; empty: the one that was added to the service account, else `global`.
 */
location: string, };

export type LimitSettings = { 
/**
 * Most requests a minute to each provider; 0: no limit of one's own.
 */
requests_per_minute: number, 
/**
 * As many may go out at once.
 */
burst: number, 
/**
 * Most requests an hour of each profile (the pane, the local API), and to each provider where none a minute are set;
 * 0: no limit.
 */
requests_per_hour: number, 
/**
 * Tries at one provider before the next one is asked.
 */
attempts: number, 
/**
 * Longest silence before an answer's first token, seconds.
 */
timeout_s: number, };

export type BudgetSettings = { 
/**
 * For one conversation.
 */
conversation: number, 
/**
 * For a day.
 */
day: number, 
/**
 * For a month.
 */
month: number, };

export type CacheSettings = { 
/**
 * Answers to equal requests are given again.
 */
is_on: boolean, 
/**
 * For so long, seconds.
 */
ttl_s: number, 
/**
 * Most memory, MB.
 */
size_mb: number, 
/**
 * Also after the app was closed.
 */
is_kept: boolean, 
/**
 * Also answers that are different each time (temperature above 0).
 */
even_random: boolean, };

export type HistorySettings = { 
/**
 * Conversations that were not touched for so many days are deleted, pinned ones never; 0: none is.
 */
keep_days: number, };

export type LocalApiSettings = { 
/**
 * Other programs of this computer may ask through Sidetone.
 */
enabled: boolean, 
/**
 * Port on 127.0.0.1.
 */
port: number, };

export type ToolSettings = { 
/**
 * A voice may make pictures, if there is a fal key.
 */
pictures: boolean, };

export type GatewayRequests = { 
/**
 * Its cache keeps an answer so long, seconds.
 */
cache_ttl_s: number, 
/**
 * Its cache is not used.
 */
skip_cache: boolean, 
/**
 * Name of the cache entry.
 */
cache_key: string, 
/**
 * It writes no log of the request.
 */
skip_log: boolean, 
/**
 * Its log has numbers only, nothing of what was said.
 */
skip_payload: boolean, 
/**
 * Which of several stored keys.
 */
key_alias: string, 
/**
 * It refuses what it would have to pay with Cloudflare credits.
 */
no_wholesale: boolean, 
/**
 * It asks, with Cloudflare credits, only where nothing is retained.
 */
zero_retention: boolean, 
/**
 * It gives a provider so long, ms.
 */
timeout_ms: number, 
/**
 * It tries so often, 1 to 5.
 */
attempts: number, 
/**
 * It waits so long before it tries again, ms.
 */
retry_delay_ms: number, 
/**
 * How the wait grows: `constant`, `linear`, `exponential`.
 */
backoff: string, 
/**
 * Up to five marks for its log, as a JSON object.
 */
metadata: string, 
/**
 * Among which models its auto router (`cloudflare/auto`) chooses, with commas.
 */
auto_models: string, 
/**
 * The same for providers.
 */
auto_providers: string, 
/**
 * The auto router chooses for each turn anew.
 */
auto_anew: boolean, 
/**
 * It gets all models at once and asks the next by itself when one fails.
 */
fallback: boolean, 
/**
 * Requests go over one WebSocket that stays open; those with `fallback` go over HTTP all the same.
 */
websocket: boolean, };

export type ProviderRequests = { 
/**
 * Id of the provider.
 */
provider: string, 
/**
 * Its cache keeps an answer so long, seconds.
 */
cache_ttl_s: number, 
/**
 * Its cache is not used.
 */
skip_cache: boolean, 
/**
 * Name of the cache entry.
 */
cache_key: string, 
/**
 * It writes no log of the request.
 */
skip_log: boolean, 
/**
 * Its log has numbers only, nothing of what was said.
 */
skip_payload: boolean, 
/**
 * Which of several stored keys.
 */
key_alias: string, 
/**
 * It refuses what it would have to pay with Cloudflare credits.
 */
no_wholesale: boolean, 
/**
 * It asks, with Cloudflare credits, only where nothing is retained.
 */
zero_retention: boolean, 
/**
 * It gives a provider so long, ms.
 */
timeout_ms: number, 
/**
 * It tries so often, 1 to 5.
 */
attempts: number, 
/**
 * It waits so long before it tries again, ms.
 */
retry_delay_ms: number, 
/**
 * How the wait grows: `constant`, `linear`, `exponential`.
 */
backoff: string, 
/**
 * Up to five marks for its log, as a JSON object.
 */
metadata: string, 
/**
 * Among which models its auto router (`cloudflare/auto`) chooses, with commas.
 */
auto_models: string, 
/**
 * The same for providers.
 */
auto_providers: string, 
/**
 * The auto router chooses for each turn anew.
 */
auto_anew: boolean, 
/**
 * It gets all models at once and asks the next by itself when one fails.
 */
fallback: boolean, 
/**
 * Requests go over one WebSocket that stays open; those with `fallback` go over HTTP all the same.
 */
websocket: boolean, };

export type AudioSettings = { 
/**
 * Id of the microphone; empty = the system's default.
 */
input: string, 
/**
 * Id of the speaker; empty = the system's default.
 */
output: string, 
/**
 * What is done about the echo of the speaker in the microphone.
 */
echo: EchoControl, 
/**
 * Less noise of the room, heard 6 ms later.
 */
noise_suppression: boolean, 
/**
 * An even loudness of the voice.
 */
gain_control: boolean, 
/**
 * Loudness of everything that is heard, 0 to 1.
 */
volume: number, 
/**
 * Whether short sounds tell how the call stands.
 */
cues: boolean, };

export type EchoControl = "automatic" | "speakers" | "headphones" | "pause";

export type AppearanceSettings = { 
/**
 * Colours.
 */
theme: Theme, 
/**
 * Whether captions are shown in the timeline.
 */
captions: boolean, };

export type Theme = "system" | "light" | "dark";

export type FirstRun = { 
/**
 * The first-run steps are over.
 */
is_done: boolean, };

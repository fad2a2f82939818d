export type Snapshot = { seq: number; call: Call; items: Item[]; problem: Problem | null; settings: Settings; credentials: Credential[]; devices: Devices; sound_check: SoundCheck | null; about: About };
export type Event = { seq: number } & Change;
export type Change =
  | { type: "call"; data: Call }
  | { type: "item"; data: { item: Item; after: number | null } }
  | { type: "removed"; data: number }
  | { type: "cleared" }
  | { type: "problem"; data: Problem | null }
  | { type: "settings"; data: Settings }
  | { type: "credentials"; data: Credential[] }
  | { type: "devices"; data: Devices }
  | { type: "sound_check"; data: SoundCheck | null }
  | { type: "note"; data: Note };
export type Call = { provider: Provider; model: string; voice: string; route: Route; link: Link; talk: Talk; mode: Mode; is_locked: boolean; is_muted: boolean; is_armed: boolean; is_live: boolean; started_at: number | null; first_sound_ms: number | null; waiting: number };
export type Provider = "practice" | "openai";
export type Route = "direct" | "gateway" | "endpoint";
export type Link = { state: "idle" } | { state: "connecting" } | { state: "live" } | { state: "reconnecting"; attempt: number; of: number };
export type Talk = "ready" | "listening" | "thinking" | "speaking" | "muted" | "blocked";
export type Mode = "ptt" | "open";
export type Item = { id: number; role: Role; kind: Kind; text: string; unheard: string; is_final: boolean; delivery: Delivery; at: number; duration_ms: number; heard_ms: number | null; first_sound_ms: number | null; usage: Usage | null; problem: Problem | null };
export type Role = "user" | "assistant";
export type Kind = "spoken" | "typed" | { tool_call: string };
export type Delivery = "recording" | "sent" | "kept" | "answered" | "arriving" | "complete" | "interrupted" | "failed";
export type Usage = { input_text: number; input_audio: number; cached_text: number; cached_audio: number; output_text: number; output_audio: number };
export type Problem = { code: Code; detail: string };
export type Code = "no_credential" | "credential_refused" | "not_permitted" | "quota" | "rate_limited" | "refused" | "offline" | "proxy" | "tls" | "provider_trouble" | "answer_failed" | "gateway_missing" | "gateway_refused" | "endpoint_missing" | "insecure_route" | "no_microphone" | "microphone_refused" | "microphone_silent" | "no_speaker" | "device_lost" | "no_keychain" | "keychain_locked" | "settings_damaged" | "internal";
export type Credential = { holder: Holder; place: Place; variable: string | null; test: KeyTest | null };
export type Holder = "openai" | "gateway" | "endpoint";
export type Place = "unknown" | "missing" | "stored" | "environment" | "session_only" | "locked" | "no_keychain";
export type KeyTest = { is_running: boolean; is_valid: boolean | null; has_credit: boolean | null; allows_voice: boolean | null; detail: string };
export type Devices = { inputs: Device[]; outputs: Device[]; input_in_use: string | null; output_in_use: string | null };
export type Device = { id: string; name: string; is_default: boolean };
export type SoundCheck = { phase: CheckPhase; seconds_left: number; peak_dbfs: number; floor_dbfs: number; verdict: Verdict | null };
export type CheckPhase = "listening" | "playing" | "done";
export type Verdict = "good" | "quiet" | "clipping" | "silent" | "noisy";
export type Note = { note: "device_replaced"; name: string } | { note: "device_back"; name: string } | { note: "insecure_subprotocol" } | { note: "session_only_key" } | { note: "network_too_slow" } | { note: "renewed" };
export type About = { version: string; settings: string; log: string };
export type Command = { do: "press" } | { do: "release" } | { do: "discard" } | { do: "stop" } | { do: "say"; text: string } | { do: "call" } | { do: "hang_up" } | { do: "mute"; is_muted: boolean } | { do: "resend" } | { do: "forget"; id: number } | { do: "new_conversation" } | { do: "dismiss" } | { do: "configure"; patch: any } | { do: "check_keys" } | { do: "test_key"; holder: Holder } | { do: "delete_key"; holder: Holder } | { do: "find_devices" } | { do: "sound_check" } | { do: "end_sound_check" };
export type Levels = { input: number; output: number; clipped: boolean };
export type Settings = { call: CallSettings; voice: VoiceSettings; providers: Providers; gateway: GatewaySettings; endpoint: EndpointSettings; audio: AudioSettings; appearance: AppearanceSettings; first_run: FirstRun };
export type CallSettings = { provider: Provider; route: Route; mode: Mode };
export type VoiceSettings = { instructions: string; language: string; captions: boolean; detector: Detector; patience: number; noise_reduction: NoiseReduction };
export type Detector = "silence" | "meaning";
export type NoiseReduction = "off" | "headset" | "room";
export type Providers = { openai: OpenaiSettings };
export type OpenaiSettings = { base_url: string; model: string; voice: string; transcription_model: string; reasoning_effort: string; organization: string; project: string };
export type GatewaySettings = { base_url: string; account_id: string; gateway_id: string; stored_key: boolean };
export type EndpointSettings = { base_url: string; model: string; voice: string };
export type AudioSettings = { input: string; output: string };
export type AppearanceSettings = { theme: Theme; captions: boolean };
export type Theme = "system" | "light" | "dark";
export type FirstRun = { is_done: boolean };

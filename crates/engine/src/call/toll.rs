//! What a call costs, as rows of the ledger: answers by their tokens or characters, what was heard by its length, and open
//! connections by the clock where that is what the provider counts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use gateway::{Quantity, Target, Way};
use protocol::chat::Tokens;
use protocol::{Delivery, Item, ItemId, Kind, Role, Usage};
use store::{Outcome, Row};

use super::unix_ms;
use crate::api::{Provider, Route};
use crate::config::{Ear, Settings};
use crate::minute::{self, OWN, ear, mouth, target};
use crate::text::{PRACTICE, budget, kept_tokens, way_name};

/// A connection that is paid by time has a row at least so often: budgets see it while the call goes on.
const EVERY: Duration = Duration::from_secs(60);
/// Less than this is nothing.
const LEAST: Duration = Duration::from_millis(500);

/// See the module. Time is a parameter.
#[derive(Debug, Default)]
pub(super) struct Toll {
    /// What was charged for each item, as far as it is tokens.
    billed: BTreeMap<ItemId, Usage>,
    /// Of the user's turns, what their last answer without a word cost.
    unsaid: BTreeMap<ItemId, Usage>,
    meter: Option<Meter>,
    rows: Vec<Row>,
}

/// A connection that is paid by time.
#[derive(Debug)]
struct Meter {
    settings: Box<Settings>,
    target: Target,
    since: Instant,
}

impl Toll {
    /// An item is new or has changed.
    pub(super) fn item(&mut self, item: &Item, settings: &Settings) {
        self.unsaid(item, settings);
        let used = item.usage.unwrap_or_default();
        let is_grown = |before: &Usage| item.role == Role::Assistant && used.beyond(*before) != Usage::default();
        if self.billed.get(&item.id).is_some_and(|before| !is_grown(before)) {
            return;
        }
        let Some((target, quantity, is_estimate)) = charge(item, settings) else { return };
        // A provider may tell more of an answer's tokens when some were charged already.
        let rest = |before| Quantity::from(tokens(&used.beyond(before)));
        let quantity = self.billed.insert(item.id, used).map_or(quantity, rest);
        self.rows.push(row(settings, &target, &quantity, is_estimate));
    }

    /// An answer that was given up before it said anything has no item; what it cost stands with the turn it answered.
    fn unsaid(&mut self, item: &Item, settings: &Settings) {
        let Some(usage) = item.usage.as_ref().filter(|_| item.role == Role::User) else { return };
        if self.unsaid.get(&item.id) == Some(usage) {
            return;
        }
        self.unsaid.insert(item.id, *usage);
        if let Some((target, quantity, is_estimate)) = answered(item, settings) {
            self.rows.push(row(settings, &target, &quantity, is_estimate));
        }
    }

    /// The clock of the connection, if it is ready.
    pub(super) fn keep(&mut self, is_ready: bool, settings: &Settings, now: Instant) {
        let is_due = |meter: &Meter| !is_ready || now.saturating_duration_since(meter.since) >= EVERY;
        if let Some(meter) = self.meter.take_if(|meter| is_due(meter)) {
            let open = now.saturating_duration_since(meter.since);
            if open >= LEAST {
                let quantity = Quantity { input_ms: millis(open), ..Quantity::default() };
                self.rows.push(row(&meter.settings, &meter.target, &quantity, true));
            }
        }
        if is_ready && self.meter.is_none() {
            let meter = |target| Meter { settings: Box::new(settings.clone()), target, since: now };
            self.meter = paid_by_time(settings).map(meter);
        }
    }

    /// The conversation is another one: its items have the same names again.
    pub(super) fn forget_items(&mut self) {
        self.billed.clear();
        self.unsaid.clear();
    }

    /// The rows since the last time, without their conversation.
    pub(super) fn take(&mut self) -> Vec<Row> {
        std::mem::take(&mut self.rows)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What is paid for while it is open, whoever speaks.
pub(super) fn paid_by_time(settings: &Settings) -> Option<Target> {
    let providers = &settings.providers;
    match settings.call.provider {
        Provider::GptLive => Some(target("openai", &providers.gpt_live.model)),
        Provider::Elevenlabs => Some(target("elevenlabs", "agent")),
        Provider::Deepgram => Some(target("deepgram", "agent")),
        Provider::Cascade => minute::is_paid_while_open(settings.cascade.ear).then(|| ear(settings)),
        Provider::Practice | Provider::Openai | Provider::Google => None,
    }
}

/// What an item costs by itself, once that is known; true: nobody told, it is reckoned.
fn charge(item: &Item, settings: &Settings) -> Option<(Target, Quantity, bool)> {
    match item.role {
        Role::User => heard(item, settings),
        Role::Assistant => answered(item, settings),
    }
}

/// Speech that is taken down by somebody who counts its length.
fn heard(item: &Item, settings: &Settings) -> Option<(Target, Quantity, bool)> {
    if item.kind != Kind::Spoken || item.delivery != Delivery::Answered {
        return None;
    }
    let scribe = match (settings.call.provider, settings.call.route) {
        (Provider::Openai, Route::Direct | Route::Gateway) if settings.voice.captions => {
            target("openai", &settings.providers.openai.transcription_model)
        }
        (Provider::Cascade, _) if matches!(settings.cascade.ear, Ear::Openai | Ear::Local) => ear(settings),
        _ => return None,
    };
    Some((scribe, Quantity { input_ms: millis(item.duration), ..Quantity::default() }, true))
}

/// Who answers over OpenAI's Realtime protocol.
pub(crate) fn realtime(settings: &Settings) -> Target {
    match settings.call.route {
        Route::Endpoint => target(OWN, &settings.endpoint.model),
        Route::Direct | Route::Gateway => target("openai", &settings.providers.openai.model),
    }
}

/// A response over that protocol that was no part of a call.
pub(crate) fn response(settings: &Settings, usage: &Usage) -> Row {
    row(settings, &realtime(settings), &Quantity::from(tokens(usage)), false)
}

/// What was taken down beside it.
pub(crate) fn transcript(settings: &Settings, model: &str, heard: Duration) -> Row {
    let scribe = Target { model: model.to_owned(), ..realtime(settings) };
    row(settings, &scribe, &Quantity { input_ms: millis(heard), ..Quantity::default() }, true)
}

fn answered(item: &Item, settings: &Settings) -> Option<(Target, Quantity, bool)> {
    let providers = &settings.providers;
    let by_tokens = |target| item.usage.as_ref().map(|usage| (target, Quantity::from(tokens(usage)), false));
    match (settings.call.provider, settings.call.route) {
        (Provider::Openai, _) => by_tokens(realtime(settings)),
        (Provider::Google, _) => by_tokens(target("google-ai-studio", &providers.google.model)),
        (Provider::Practice, _) => by_tokens(target(PRACTICE, PRACTICE)),
        (Provider::Cascade, _) if is_said(item) => {
            let characters = item.text.chars().count() + item.unheard.chars().count();
            let characters = u64::try_from(characters).unwrap_or(u64::MAX);
            let quantity = Quantity { characters, output_ms: millis(item.duration), ..Quantity::default() };
            Some((mouth(settings), quantity, true))
        }
        (Provider::Cascade | Provider::GptLive | Provider::Elevenlabs | Provider::Deepgram, _) => None,
    }
}

/// An answer that was made into sound, to its end or until somebody spoke over it.
fn is_said(item: &Item) -> bool {
    matches!(item.delivery, Delivery::Complete | Delivery::Interrupted) && !item.duration.is_zero()
}

/// The ledger counts cached and audible tokens as parts of all.
fn tokens(usage: &Usage) -> Tokens {
    Tokens {
        input: usage.input_text + usage.input_audio,
        cached: usage.cached_text + usage.cached_audio,
        output: usage.output_text + usage.output_audio,
        input_audio: usage.input_audio,
        output_audio: usage.output_audio,
        ..Tokens::default()
    }
}

fn row(settings: &Settings, target: &Target, quantity: &Quantity, is_estimate: bool) -> Row {
    let list = minute::listed(target, quantity);
    let own = minute::own(settings, target, quantity);
    // A budget that did not count it would be none.
    let is_assumed = list.or(own).is_none() && budget(&settings.budget).is_set();
    let own = own.or_else(|| is_assumed.then(|| gateway::assumed(target, quantity.tokens.input).cost(quantity)));
    Row {
        at_ms: unix_ms(),
        purpose: "voice".into(),
        profile: "default".into(),
        provider: target.provider.as_str().to_owned(),
        model: target.model.clone(),
        route: way_name(match settings.call.route {
            Route::Gateway => Way::Gateway,
            Route::Direct | Route::Endpoint => Way::Direct,
        })
        .into(),
        is_stream: true,
        outcome: Outcome::Done,
        attempts: 1,
        tokens: kept_tokens(quantity.tokens),
        audio_ms: quantity.input_ms + quantity.output_ms,
        characters: quantity.characters,
        cost_nano: list.map(|cost| cost.0),
        custom_nano: own.filter(|own| Some(*own) != list).map(|cost| cost.0),
        is_estimate: is_estimate || is_assumed,
        ..Row::default()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::config::ModelPrice;

    fn settings(provider: Provider) -> Settings {
        let mut settings = Settings::default();
        settings.call.provider = provider;
        settings
    }

    fn item(id: u64, role: Role, delivery: Delivery) -> Item {
        Item {
            id: ItemId(id),
            role,
            kind: Kind::Spoken,
            text: "Hello there.".into(),
            unheard: String::new(),
            is_final: true,
            delivery,
            duration: Duration::from_secs(3),
            heard: None,
            usage: None,
            fault: None,
        }
    }

    #[test]
    fn an_answer_is_charged_once_when_its_tokens_are_known() {
        let settings = settings(Provider::Openai);
        let mut toll = Toll::default();
        let mut answer = item(2, Role::Assistant, Delivery::Complete);
        toll.item(&answer, &settings);
        assert!(toll.take().is_empty(), "nobody told yet");
        answer.usage =
            Some(Usage { input_text: 100, cached_text: 60, input_audio: 400, output_audio: 200, ..Usage::default() });
        toll.item(&answer, &settings);
        toll.item(&answer, &settings);
        let [row] = &*toll.take() else { panic!("one row") };
        assert_eq!((row.purpose.as_str(), row.provider.as_str()), ("voice", "openai"));
        assert_eq!(
            (row.tokens.input, row.tokens.cached, row.tokens.input_audio, row.tokens.output),
            (500, 60, 400, 200)
        );
        assert!(row.cost_nano.unwrap() > 0 && !row.is_estimate);
        toll.forget_items();
        toll.item(&answer, &settings);
        assert_eq!(toll.take().len(), 1, "another conversation has the same numbers");
    }

    #[test]
    fn answers_that_never_said_a_word_are_charged_too() {
        let settings = settings(Provider::Openai);
        let mut toll = Toll::default();
        let mut turn = item(1, Role::User, Delivery::Sent);
        for input_audio in [300, 300, 400] {
            turn.usage = Some(Usage { input_audio, ..Usage::default() });
            toll.item(&turn, &settings);
        }
        let rows = toll.take();
        assert_eq!(rows.iter().map(|row| row.tokens.input_audio).collect::<Vec<_>>(), [300, 400]);
        assert!(rows.iter().all(|row| row.cost_nano.unwrap() > 0));
    }

    #[test]
    fn tokens_that_become_known_later_are_charged_and_none_twice() {
        let settings = settings(Provider::Google);
        let mut toll = Toll::default();
        let mut answer = item(2, Role::Assistant, Delivery::Arriving);
        for output_audio in [30, 30, 50, 50] {
            answer.usage = Some(Usage { input_audio: 200, output_audio, ..Usage::default() });
            toll.item(&answer, &settings);
        }
        let rows = toll.take();
        let tokens: Vec<_> = rows.iter().map(|row| (row.tokens.input, row.tokens.output)).collect();
        assert_eq!(tokens, [(200, 30), (0, 20)]);
        assert!(rows.iter().all(|row| row.cost_nano.unwrap() > 0));
    }

    #[test]
    fn captions_and_a_mixs_voice_are_reckoned_by_length_and_characters() {
        let mut toll = Toll::default();
        toll.item(&item(1, Role::User, Delivery::Sent), &settings(Provider::Openai));
        toll.item(&item(1, Role::User, Delivery::Answered), &settings(Provider::Openai));
        toll.item(&item(2, Role::Assistant, Delivery::Arriving), &settings(Provider::Cascade));
        toll.item(&item(2, Role::Assistant, Delivery::Interrupted), &settings(Provider::Cascade));
        let rows = toll.take();
        let figures: Vec<_> = rows.iter().map(|row| (row.audio_ms, row.characters, row.is_estimate)).collect();
        assert_eq!(figures, [(3_000, 0, true), (3_000, 12, true)]);
        assert!(rows.iter().all(|row| row.cost_nano.unwrap() > 0));
    }

    #[test]
    fn what_is_paid_by_time_is_charged_by_the_minute_and_at_the_end() {
        let (settings, begun) = (settings(Provider::GptLive), Instant::now());
        let mut toll = Toll::default();
        toll.keep(true, &settings, begun);
        toll.item(&item(2, Role::Assistant, Delivery::Complete), &settings);
        toll.keep(true, &settings, begun + Duration::from_secs(59));
        assert!(toll.take().is_empty());
        toll.keep(true, &settings, begun + Duration::from_secs(60));
        toll.keep(false, &settings, begun + Duration::from_secs(75));
        toll.keep(false, &settings, begun + Duration::from_secs(99));
        let rows = toll.take();
        assert_eq!(rows.iter().map(|row| row.audio_ms).collect::<Vec<_>>(), [60_000, 15_000]);
        assert_eq!(rows[0].cost_nano.unwrap(), 4 * rows[1].cost_nano.unwrap());
    }

    #[test]
    fn what_nobody_knows_the_price_of_counts_for_a_budget() {
        let mut settings = settings(Provider::Openai);
        settings.providers.openai.model = "brand-new".into();
        let usage = Usage { output_audio: 1_000, ..Usage::default() };
        let unknown = response(&settings, &usage);
        assert_eq!((unknown.cost_nano, unknown.custom_nano, unknown.is_estimate), (None, None, false));
        settings.budget.day = 1.0;
        let assumed = response(&settings, &usage);
        assert!(assumed.custom_nano.unwrap() > 0 && assumed.is_estimate, "{assumed:?}");
    }

    #[test]
    fn an_own_price_counts_in_the_unit_that_it_names_and_the_rest_costs_what_is_listed() {
        let custom = |provider: Provider, (name, model): (&str, &str), change: &dyn Fn(&mut ModelPrice)| {
            let mut settings = settings(provider);
            let mut own = ModelPrice { provider: name.into(), model: model.into(), ..ModelPrice::default() };
            change(&mut own);
            settings.chat.prices.push(own);
            let (mut toll, begun) = (Toll::default(), Instant::now());
            toll.keep(true, &settings, begun);
            toll.keep(false, &settings, begun + Duration::from_secs(30));
            toll.item(&item(2, Role::Assistant, Delivery::Complete), &settings);
            toll.take().iter().find_map(|row| row.custom_nano)
        };
        let agent = ("elevenlabs", "agent");
        assert_eq!(custom(Provider::Elevenlabs, agent, &|own| (own.input, own.output) = (1.0, 1.0)), None, "as listed");
        assert_eq!(custom(Provider::Elevenlabs, agent, &|own| own.per_minute = 0.2), Some(100_000_000));
        assert_eq!(custom(Provider::Elevenlabs, agent, &|own| own.per_minute = 0.0), Some(0), "free by agreement");
        let live = ("openai", "gpt-live-1");
        assert_eq!(custom(Provider::GptLive, live, &|own| own.per_minute = 0.01), Some(5_000_000));
        let aura = ("deepgram", "aura-2");
        let characters = |own: &mut ModelPrice| own.per_thousand_characters = 0.1;
        assert_eq!(custom(Provider::Cascade, aura, &characters), Some(1_200_000), "twelve characters");
        let flux = ("deepgram", "flux-general-en");
        assert_eq!(custom(Provider::Cascade, flux, &|own| own.per_minute = 0.01), Some(5_000_000));
    }

    #[test]
    fn practice_and_ones_own_servers_cost_nothing_and_own_prices_count() {
        let mut toll = Toll::default();
        let answer = Item {
            usage: Some(Usage { output_audio: 1_000, ..Usage::default() }),
            ..item(2, Role::Assistant, Delivery::Complete)
        };
        toll.item(&answer, &settings(Provider::Practice));
        assert_eq!(toll.take()[0].cost_nano, Some(0));
        toll.forget_items();
        let mut own = settings(Provider::Openai);
        own.call.route = Route::Endpoint;
        toll.item(&answer, &own);
        assert_eq!((toll.take()[0].provider.as_str(), toll.billed.len()), (OWN, 1));
        toll.forget_items();
        let mut priced = settings(Provider::Openai);
        let model = priced.providers.openai.model.clone();
        priced.chat.prices.push(ModelPrice::of_text("openai", &model, 0.0, 1.0));
        toll.item(&answer, &priced);
        assert_eq!(toll.take()[0].custom_nano, Some(1_000_000));
    }
}

//! A thousand conversations at once.

use futures_util::future::join_all;

use super::*;

const CALLS: usize = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_conversations_at_once_are_all_answered() {
    let partner = practice().await;
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::default();
    let credentials = Credentials::without_keychain(|_| None);
    let (_url, practice) = watch::channel(partner.base_url());
    let net = Net::new(NetOptions::default()).unwrap();
    let shelf = Shelf::new(folder.path().join("sidetone.db"));
    let (text, ..) = text::start(&net, &credentials, shelf, practice.clone(), &settings);
    let purse = Purse::new(mpsc::channel(1).0);
    let exchange = Exchange { net, credentials, practice, text, purse };
    let one = |number: usize| {
        let (exchange, settings) = (exchange.clone(), settings.clone());
        async move {
            let sound = Sound::new(None, watch::channel(Default::default()).0);
            let recordings = Recordings::new(std::path::PathBuf::new());
            let outbox = Outbox::none(exchange.credentials.clone());
            let mut call = Call::new(&settings, exchange, sound, recordings, outbox, Journal::none());
            let (sender, _) = broadcast::channel(1);
            let about = About { version: String::new(), settings: String::new(), log: String::new() };
            let mut board = Board::new(sender, call.view(&settings, None), settings, Vec::new(), about);
            let question = format!("I am number {number}.");
            call.say(&question, &mut board);
            while call.items().first().is_none_or(|item| item.delivery != Delivery::Answered) {
                let happening = call.next().await;
                call.happen(happening, &mut board);
            }
            let answer = call.items().pop().unwrap().text;
            (question, answer, call)
        }
    };
    let all = join_all((0..CALLS).map(|number| tokio::spawn(one(number))));
    let answered = tokio::time::timeout(LIMIT * 4, all).await.unwrap();
    assert_eq!(partner.record().live(), CALLS, "all of them are still connected");
    for outcome in answered {
        let (question, answer, _call) = outcome.unwrap();
        assert!(answer.contains(question.trim_end_matches('.')), "{answer:?} is no answer to {question:?}");
    }
}

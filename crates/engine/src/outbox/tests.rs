//! The outbox's thread on its own.

use super::keeper::{Limits, Order};
use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

fn keeper(folder: &Path, credentials: &Credentials, limits: Limits) -> (SyncSender<Order>, mpsc::Receiver<Kept>) {
    let (tell, told) = mpsc::channel(MOST_LETTERS);
    let (orders, inbox) = sync_channel(ORDERS);
    let (folder, credentials) = (Folder::new(folder.to_owned()), credentials.clone());
    let keeper = Keeper::new(folder, credentials, Handle::current(), tell, true).within(limits);
    thread::spawn(move || keeper.run(&inbox));
    (orders, told)
}

async fn done(orders: &SyncSender<Order>) {
    let (done, written) = oneshot::channel();
    orders.send(Order::Sync(done)).unwrap();
    tokio::time::timeout(PATIENCE, written).await.unwrap().unwrap();
}

async fn all(told: &mut mpsc::Receiver<Kept>, count: usize) -> Vec<Said> {
    let mut kept = Vec::new();
    for _ in 0..count {
        kept.push(tokio::time::timeout(PATIENCE, told.recv()).await.unwrap().unwrap().said);
    }
    assert!(told.try_recv().is_err(), "more than {count}");
    kept
}

#[tokio::test(flavor = "multi_thread")]
async fn of_too_many_letters_the_newest_are_listed_in_their_order_and_all_stay() {
    let (root, credentials) = (tempfile::tempdir().unwrap(), Credentials::with_keychain());
    let limits = Limits { letters: 3, samples: 24_000 };
    let (orders, _told) = keeper(root.path(), &credentials, limits);
    for at in 1..=5 {
        orders.send(Order::Words { name: Name::new(at, 0), words: format!("word {at}") }).unwrap();
    }
    done(&orders).await;
    drop(orders);
    let (orders, mut told) = keeper(root.path(), &credentials, limits);
    let words = all(&mut told, 3).await;
    let words: Vec<&str> = words.iter().map(|said| if let Said::Typed(words) = said { words } else { "" }).collect();
    assert_eq!(words, ["word 3", "word 4", "word 5"]);
    done(&orders).await;
    assert_eq!(count(root.path()), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_too_much_sound_the_newest_is_listed_and_all_stays() {
    let (root, credentials) = (tempfile::tempdir().unwrap(), Credentials::with_keychain());
    let limits = Limits { letters: 200, samples: 24_000 };
    let (orders, _told) = keeper(root.path(), &credentials, limits);
    for at in 1..=3 {
        let pcm = vec![500; 11_000 + at as usize];
        orders.send(Order::Speech { name: Name::new(at, 0), pcm, is_anew: true, is_end: true }).unwrap();
    }
    done(&orders).await;
    drop(orders);
    let (orders, mut told) = keeper(root.path(), &credentials, limits);
    let lengths: Vec<usize> =
        all(&mut told, 2).await.iter().map(|said| if let Said::Spoken(pcm) = said { pcm.len() } else { 0 }).collect();
    assert_eq!(lengths, [11_002, 11_003]);
    done(&orders).await;
    assert_eq!(count(root.path()), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn speech_grows_piece_by_piece_and_a_turn_heard_anew_replaces_it() {
    let (root, credentials) = (tempfile::tempdir().unwrap(), Credentials::with_keychain());
    let limits = Limits { letters: 200, samples: usize::MAX };
    let (orders, _told) = keeper(root.path(), &credentials, limits);
    let (grown, anew) = (Name::new(1, 0), Name::new(2, 0));
    let send = |name, count, is_anew, is_end| {
        orders.send(Order::Speech { name, pcm: vec![500; count], is_anew, is_end }).unwrap();
    };
    send(grown, 5_000, false, false);
    send(grown, 5_000, false, false);
    send(grown, 77, false, true);
    send(anew, 5_000, false, false);
    send(anew, 3_333, true, true);
    done(&orders).await;
    drop(orders);
    let (_orders, mut told) = keeper(root.path(), &credentials, limits);
    let said = all(&mut told, 2).await;
    let lengths: Vec<usize> =
        said.iter().map(|said| if let Said::Spoken(pcm) = said { pcm.len() } else { 0 }).collect();
    assert_eq!(lengths, [10_077, 3_333]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_program_has_is_listed_when_that_ends() {
    let (root, credentials) = (tempfile::tempdir().unwrap(), Credentials::with_keychain());
    let limits = Limits { letters: 200, samples: usize::MAX };
    let (first, _told) = keeper(root.path(), &credentials, limits);
    first.send(Order::Words { name: Name::new(1, 0), words: "mine".into() }).unwrap();
    done(&first).await;
    let (second, mut told) = keeper(root.path(), &credentials, limits);
    second.send(Order::Words { name: Name::new(2, 0), words: "other".into() }).unwrap();
    done(&second).await;
    assert_eq!((count(root.path()), told.try_recv().is_err()), (1, true), "the folder is not its own yet");
    drop(first);
    assert_eq!(all(&mut told, 1).await.len(), 1);
    done(&second).await;
    assert_eq!(count(root.path()), 2, "and then it is written, too");
}

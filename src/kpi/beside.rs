//! Work shared among the cores. Threads share nothing but what they are given, and live no longer than the work.

use std::{
    panic::resume_unwind,
    sync::atomic::{AtomicUsize, Ordering},
    thread::{self, Builder, available_parallelism},
};

/// Most threads at once, the caller's among them: a board is work for a few cores, and each thread has memory of its own.
const MOST_THREADS: usize = 4;

/// The result of `work` for each item, in order. Whoever is free takes the next item, so put the long ones first. Where no
/// thread can be had the caller does it all. A panic of `work` goes on in the caller.
pub fn shared<I: Sync, T: Send>(items: &[I], work: impl Fn(&I) -> T + Sync) -> Vec<T> {
    shared_after(|| (), items, work).1
}

/// The same beside `first`, which the caller does before it takes its part of the items.
pub fn shared_after<F, I: Sync, T: Send>(first: impl FnOnce() -> F, items: &[I], work: impl Fn(&I) -> T + Sync) -> (F, Vec<T>) {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut done = Vec::new();
        while let Some((at, item)) = Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, items.get(at)?))) {
            done.push((at, work(item)));
        }
        done
    };
    let threads = available_parallelism().map_or(1, usize::from).min(MOST_THREADS).min(items.len().max(1));
    thread::scope(|scope| {
        let begin = || Builder::new().name("beside".into()).spawn_scoped(scope, take);
        let helpers: Vec<_> = (1..threads).map_while(|_| begin().ok()).collect();
        let first = first();
        let mut done = take();
        for helper in helpers {
            done.extend(helper.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        done.sort_by_key(|(at, _)| *at);
        (first, done.into_iter().map(|(_, result)| result).collect())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items_and_each_item_is_taken_once() {
        let items: Vec<usize> = (0..1_000).collect();
        let taken = AtomicUsize::new(0);
        let double = |i: &usize| {
            taken.fetch_add(1, Ordering::Relaxed);
            i * 2
        };
        let (first, doubled) = shared_after(|| "first", &items, double);
        assert_eq!((doubled, first), (items.iter().map(|i| i * 2).collect(), "first"));
        assert_eq!(taken.into_inner(), 1_000);
        assert_eq!(shared(&[], |i: &usize| *i), Vec::<usize>::new());
    }

    #[test]
    fn the_order_is_that_of_the_items_whoever_did_them_first() {
        if available_parallelism().map_or(1, usize::from) < 2 {
            return;
        }
        // The first item goes to a helper, which is done with it only when another was taken by somebody else.
        let (taken, other) = (mpsc::channel(), mpsc::channel());
        let (taken_by, waiting) = (taken.0, Mutex::new(other.1));
        let work = |i: &usize| {
            if *i == 0 {
                taken_by.send(()).unwrap();
                waiting.lock().unwrap().recv().unwrap();
            } else {
                other.0.send(()).unwrap();
            }
            *i
        };
        let ((), done) = shared_after(|| taken.1.recv().unwrap(), &[0, 1, 2], work);
        assert_eq!(done, [0, 1, 2]);
    }

    #[test]
    #[should_panic(expected = "seven")]
    fn a_panic_of_one_goes_on_in_who_asked() {
        shared(&[1, 7, 3], |i| assert_ne!(*i, 7, "seven"));
    }
}

use super::*;

fn console() -> Console {
    Console::of_own("http://127.0.0.1:8080/#key=k").unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A supervisor whose own node is up at `at`.
fn running(at: u64) -> Supervisor {
    let (mut supervisor, first) = Supervisor::new();
    assert_eq!(first, Action::Look);
    assert_eq!(supervisor.on(Event::NothingFound, seconds(at)), [Action::Start]);
    assert!(matches!(supervisor.state(), State::Starting { .. }));
    assert!(supervisor.on(Event::Ready(console()), seconds(at)).is_empty());
    assert!(matches!(supervisor.state(), State::Up { own: true, .. }));
    supervisor
}

fn died() -> Event {
    Event::Died("exit status: 1".into())
}

#[test]
fn a_node_that_runs_already_is_used_and_not_stopped_for_a_new_one() {
    let (mut supervisor, _) = Supervisor::new();
    assert!(supervisor.on(Event::Found(console()), seconds(0)).is_empty());
    assert_eq!(supervisor.state(), &State::Up { console: console(), own: false, since: seconds(0) });
    // What others started dies without us; then it is our turn.
    assert!(supervisor.on(died(), seconds(1)).is_empty());
    assert_eq!(supervisor.on(Event::Gone, seconds(2)), [Action::Look]);
    assert_eq!(supervisor.on(Event::NothingFound, seconds(2)), [Action::Start]);
}

#[test]
fn a_death_is_told_once_and_so_is_the_return() {
    let mut supervisor = running(0);
    assert_eq!(supervisor.on(died(), seconds(5)), [Action::Tell(Notice::Died)]);
    assert!(supervisor.on(Event::Tick, seconds(5)).is_empty());
    assert_eq!(supervisor.on(Event::Tick, seconds(6)), [Action::Look]);
    assert_eq!(supervisor.on(Event::NothingFound, seconds(6)), [Action::Start]);
    assert!(supervisor.on(died(), seconds(7)).is_empty(), "it is known already");
    assert_eq!(supervisor.on(Event::Tick, seconds(9)), [Action::Look]);
    supervisor.on(Event::NothingFound, seconds(9));
    assert_eq!(supervisor.on(Event::Ready(console()), seconds(10)), [Action::Tell(Notice::Back)]);
}

#[test]
fn waits_double_up_to_a_bound_and_a_steady_run_forgets_them() {
    let waits: Vec<u64> = (1..8).map(|deaths| back_off(deaths).as_secs()).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    assert_eq!(back_off(u32::MAX), BACK_OFF_MAX);

    let mut supervisor = running(0);
    for at in (0..40).map(|n| 100 * n + 100) {
        supervisor.on(died(), seconds(at));
        assert!(matches!(supervisor.state(), State::Waiting { until, .. } if *until == seconds(at + 1)));
        supervisor.on(Event::Tick, seconds(at + 1));
        supervisor.on(Event::NothingFound, seconds(at + 1));
        supervisor.on(Event::Ready(console()), seconds(at + 2));
    }
}

#[test]
fn it_is_given_up_in_the_end_and_begins_anew_for_the_user() {
    let mut supervisor = running(0);
    let mut now = seconds(1);
    let mut told = Vec::new();
    let mut starts = 0;
    while !matches!(supervisor.state(), State::Failed { .. }) {
        told.extend(supervisor.on(died(), now));
        now += BACK_OFF_MAX;
        if supervisor.on(Event::Tick, now) == [Action::Look] {
            starts += 1;
            supervisor.on(Event::NothingFound, now);
        }
        assert!(starts < 100, "it is tried for ever");
    }
    assert_eq!(starts, DEATHS_MAX - 1);
    assert_eq!(told, [Action::Tell(Notice::Died), Action::Tell(Notice::GivenUp)]);
    assert!(supervisor.on(Event::Tick, now + seconds(9_999)).is_empty());
    assert_eq!(supervisor.on(Event::Retry, now), [Action::Look]);
    assert_eq!(supervisor.on(Event::NothingFound, now), [Action::Start]);
    supervisor.on(died(), now);
    assert!(matches!(supervisor.state(), State::Waiting { until, .. } if *until == now + BACK_OFF_FIRST));
    assert_eq!(supervisor.on(Event::Retry, now), [Action::Look], "the user need not wait");
}

#[test]
fn a_start_that_never_ends_is_ended() {
    let (mut supervisor, _) = Supervisor::new();
    supervisor.on(Event::NothingFound, seconds(0));
    assert!(supervisor.on(Event::Tick, START_MAX - seconds(1)).is_empty());
    assert_eq!(supervisor.on(Event::Tick, START_MAX), [Action::Stop]);
    assert!(matches!(supervisor.state(), State::Waiting { reason, .. } if reason.contains("5 minutes")));
}

#[test]
fn what_cannot_work_is_not_tried_again_of_itself() {
    let (mut supervisor, _) = Supervisor::new();
    assert!(supervisor.on(Event::Unusable("no program".into()), seconds(0)).is_empty());
    assert_eq!(supervisor.state(), &State::Failed { reason: "no program".into() });
    assert_eq!(supervisor.on(Event::Retry, seconds(1)), [Action::Look]);
}

#[test]
fn the_end_is_the_end_whatever_comes_after() {
    let ends = [Event::Quit, Event::Retry, Event::Tick, died(), Event::NothingFound, Event::Ready(console())];
    let mut supervisor = running(0);
    assert_eq!(supervisor.on(Event::Quit, seconds(1)), [Action::Stop]);
    for event in ends {
        assert!(supervisor.on(event, seconds(9_999)).is_empty());
        assert_eq!(supervisor.state(), &State::Over);
    }
}

#[test]
fn no_order_of_events_breaks_it() {
    // Every sequence of five out of nine kinds of events: 59,049.
    let events = [
        Event::Found(console()),
        Event::NothingFound,
        Event::Unusable(String::new()),
        Event::Ready(console()),
        died(),
        Event::Gone,
        Event::Tick,
        Event::Retry,
        Event::Quit,
    ];
    let length = 5;
    for number in 0..events.len().pow(length) {
        let (mut supervisor, _) = Supervisor::new();
        // How many nodes of ours run: never two, and none is left behind.
        let mut ours = 0i32;
        let mut rest = number;
        for step in 0..length {
            let event = events[rest % events.len()].clone();
            rest /= events.len();
            let is_ours = matches!(supervisor.state(), State::Starting { .. } | State::Up { own: true, .. });
            if matches!(event, Event::Died(_) | Event::Unusable(_)) && is_ours {
                ours = 0;
            }
            for action in supervisor.on(event, seconds(400) * step) {
                match action {
                    Action::Start => ours += 1,
                    Action::Stop => ours = 0,
                    Action::Look | Action::Tell(_) => {}
                }
            }
            assert!((0..=1).contains(&ours), "{number}");
            let holds = matches!(supervisor.state(), State::Starting { .. } | State::Up { own: true, .. });
            assert!(holds || ours == 0, "{number}: {:?}", supervisor.state());
        }
    }
}

//! An asker and an expert that both keep the rules.

use super::*;
use polymath_swarm::audit::Reported;
use std::time::Instant;

fn pieces(count: usize) -> Vec<Vec<u8>> {
    vec![b"x".to_vec(); count]
}

#[tokio::test]
async fn an_answer_with_log_probabilities_arrives_as_it_was_reported() {
    let logprobs = vec![
        TokenLogprobs { logprob: -0.25, top: vec![(7, -0.25), (9, -2.0)], pieces: pieces(3) },
        TokenLogprobs { logprob: 0.0, top: vec![(8, 0.0)], pieces: pieces(2) },
    ];
    let packet =
        TaskEvent::Tokens { sequence: 0, ids: vec![7, 8], text: "Pa".into(), logprobs: logprobs.clone() };
    let script = vec![accepted(), Ok(packet), Ok(last_packet()), done(3)];
    let service = FakeService::scripted(script, false);
    let (task, serving) = asking(&service, Offer { top_logprobs: 2, ..offer() }, PIPE_BYTES).await;
    let mut task = task.unwrap();
    assert_eq!(task.price_micro(), 3);
    let (events, error) = rest(&mut task).await;
    assert_eq!(error, None);
    // What was ready at once shares a packet.
    let logprobs = [logprobs, vec![TokenLogprobs { logprob: -1.5, top: vec![], pieces: pieces(1) }]].concat();
    let whole = TaskEvent::Tokens { sequence: 0, ids: vec![7, 8, 10], text: "Paris".into(), logprobs };
    assert_eq!(events, [accepted().unwrap(), whole, done(3).unwrap()]);
    assert!(within(task.next()).await.is_none());
    assert_eq!(within(serving).await.unwrap(), Served::Done { completion_tokens: 3 });
}

#[tokio::test]
async fn what_backs_an_answer_is_kept_by_the_expert_and_signed_for_the_asker() {
    let evidence =
        Evidence { end: Some(Reported { id: 2, steps: 9, top: vec![(2, 9)] }), ..Evidence::default() };
    let backing = Backing::Noted(Box::new(evidence.clone()));
    let finish_reason = FinishReason::Stop;
    let noted = TaskEvent::Done { finish_reason, prompt_tokens: 9, completion_tokens: 1, backing };
    let service = FakeService::scripted(vec![accepted(), tokens(0, &[7], "x"), Ok(noted)], false);
    let (task, _) = asking(&service, offer(), PIPE_BYTES).await;
    let (events, error) = rest(&mut task.unwrap()).await;
    assert_eq!(error, None);
    let Some(TaskEvent::Done { backing: Backing::Signed(signed), .. }) = events.last() else {
        panic!("{events:?}")
    };
    assert_eq!((signed.task_id, signed.evidence), (offer().task_id, evidence.hash()));
    assert_eq!(signed.verify(the_expert().peer), Ok(()));
    assert_eq!(*service.committed.lock().unwrap(), [(**signed, evidence)]);
}

#[tokio::test]
async fn text_does_not_run_ahead_of_its_tokens() {
    let event = |sequence: u32, ids: &[u32], text: &str| {
        let of = |_| TokenLogprobs { logprob: -0.5, top: vec![], pieces: pieces(1) };
        let logprobs = ids.iter().map(of).collect();
        Ok(TaskEvent::Tokens { sequence, ids: ids.to_vec(), text: text.into(), logprobs })
    };
    let script = vec![accepted(), event(0, &[1, 2, 3], "abc"), event(3, &[4, 5, 6], "def"), done(6)];
    let service = FakeService::scripted(script, false);
    let (task, _) = asking(&service, Offer { top_logprobs: 1, ..offer() }, PIPE_BYTES).await;
    let (events, error) = rest(&mut task.unwrap()).await;
    assert_eq!(error, None);
    let told = events.iter().filter_map(|event| match event {
        TaskEvent::Tokens { ids, text, logprobs, .. } => Some((ids.len(), text.len(), logprobs.len())),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [(3, 3, 3), (3, 3, 3)]);
}

fn last_packet() -> TaskEvent {
    let logprobs = vec![TokenLogprobs { logprob: -1.5, top: vec![], pieces: pieces(1) }];
    TaskEvent::Tokens { sequence: 2, ids: vec![10], text: "ris".into(), logprobs }
}

#[tokio::test]
async fn busy_and_refused_are_told_as_they_are() {
    let busy = TaskError::Busy { retry_after_ms: 1_500 };
    let refused = TaskError::Refused { code: "too_long".into(), message: "the prompt is too long".into() };
    for error in [busy, refused] {
        let service = FakeService::declining(error.clone());
        let (task, serving) = asking(&service, offer(), PIPE_BYTES).await;
        assert_eq!(task.err(), Some(error.clone()));
        assert_eq!(within(serving).await.unwrap(), Served::Ended(error));
    }
}

#[tokio::test]
async fn an_expert_above_the_price_refuses_and_drops_the_job() {
    let service = FakeService::scripted(vec![accepted()], true);
    let (task, _) = asking(&service, Offer { price_micro_max: 2, ..offer() }, PIPE_BYTES).await;
    assert!(matches!(task.err(), Some(TaskError::Refused { code, .. }) if code == "price"));
    within(service.dropped.cancelled()).await;
}

#[tokio::test]
async fn an_offer_out_of_bounds_is_never_sent() {
    let service = FakeService::scripted(vec![accepted()], true);
    let (task, serving) = asking(&service, Offer { max_tokens: 0, ..offer() }, PIPE_BYTES).await;
    assert!(matches!(task.err(), Some(TaskError::Refused { code, .. }) if code == "invalid"));
    assert_eq!(within(serving).await.unwrap(), Served::Cancelled);
    assert_eq!(service.offers.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn dropping_the_task_cancels_the_work_at_once() {
    let service = FakeService::scripted(vec![accepted(), tokens(0, &[1], "a")], true);
    let (task, serving) = asking(&service, offer(), PIPE_BYTES).await;
    let mut task = task.unwrap();
    within(task.next()).await.unwrap().unwrap();
    assert!(!service.dropped.is_cancelled());
    let began = Instant::now();
    drop(task);
    within(service.dropped.cancelled()).await;
    // Well before the deadline, which would end it as well.
    assert!(began.elapsed() < SILENCE_MAX * 10, "took {:?}", began.elapsed());
    assert_eq!(within(serving).await.unwrap(), Served::Cancelled);
}

#[tokio::test]
async fn giving_up_before_the_answer_withdraws_the_offer() {
    let service = FakeService::new(|guard| {
        async move {
            let _guard = guard;
            std::future::pending().await
        }
        .boxed()
    });
    let (near, far) = pipe(PIPE_BYTES);
    let serving = serving(far, &service, &CancellationToken::new());
    let asker = Asker::new(CancellationToken::new(), Watch::default());
    let ask = asker.ask(near, the_expert(), offer(), Loading::default());
    let waited = tokio::time::timeout(SILENCE_MAX * 3 / 2, ask).await;
    assert!(waited.is_err(), "heartbeats hold an undecided offer open");
    within(service.dropped.cancelled()).await;
    assert_eq!(within(serving).await.unwrap(), Served::Cancelled);
    within(asker.drained()).await;
}

#[tokio::test]
async fn heartbeats_carry_a_task_through_a_long_silence() {
    let service = FakeService::reporting(|| {
        let late = stream::once(tokio::time::sleep(SILENCE_MAX * 3 / 2)).map(|()| tokens(0, &[1], "a"));
        stream::iter([accepted()]).chain(late).chain(stream::iter([done(1)])).boxed()
    });
    let (task, _) = asking(&service, offer(), PIPE_BYTES).await;
    let (events, error) = rest(&mut task.unwrap()).await;
    assert_eq!((events.len(), error), (3, None));
}

#[tokio::test]
async fn the_deadline_ends_the_work() {
    let service = FakeService::scripted(vec![accepted()], true);
    let began = Instant::now();
    // Long enough to be accepted on a machine that does other things.
    let (task, _) = asking(&service, Offer { deadline_ms: 2_000, ..offer() }, PIPE_BYTES).await;
    let (_, error) = rest(&mut task.unwrap()).await;
    assert!(error.as_ref().is_some_and(failed("deadline")), "{error:?}");
    assert!(began.elapsed() >= Duration::from_millis(2_000));
    within(service.dropped.cancelled()).await;
}

#[tokio::test]
async fn a_slow_reader_holds_the_work_back_and_loses_nothing() {
    const PACKETS: u32 = 5_000;
    let pulled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&pulled);
    let service = FakeService::reporting(move || {
        let counter = Arc::clone(&counter);
        let packets = stream::iter(0..PACKETS).map(move |index| {
            counter.fetch_add(1, Ordering::SeqCst);
            tokens(index, &[index], "a text of some thirty letters.")
        });
        stream::iter([accepted()]).chain(packets).chain(stream::iter([done(PACKETS)])).boxed()
    });
    let (task, _) = asking(&service, Offer { max_tokens: PACKETS, ..offer() }, 1_024).await;
    let mut task = task.unwrap();
    // Longer than the silence that would be held against an expert: a slow reader is not its fault.
    tokio::time::sleep(SILENCE_MAX * 3 / 2).await;
    let begun = async {
        while pulled.load(Ordering::SeqCst) < 64 {
            tokio::time::sleep(HEARTBEAT / 10).await;
        }
    };
    within(begun).await;
    let held = pulled.load(Ordering::SeqCst);
    // 64 packets of 16 tokens wait for the reader, a few more are on their way.
    assert!(held < 2_500, "{held} packets were made for a reader that reads none");
    let (events, error) = rest(&mut task).await;
    let read = events.iter().map(|e| if let TaskEvent::Tokens { ids, .. } = e { ids.len() } else { 0 });
    assert_eq!((read.sum::<usize>(), error), (PACKETS as usize, None));
}

#[tokio::test]
async fn a_packet_larger_than_a_frame_is_cut_into_several() {
    let ids: Vec<u32> = (0..500).collect();
    let text = "ä".repeat(50_000);
    let service = FakeService::scripted(vec![accepted(), tokens(0, &ids, &text), done(500)], false);
    let (task, _) = asking(&service, offer(), PIPE_BYTES).await;
    let (events, error) = rest(&mut task.unwrap()).await;
    assert_eq!(error, None);
    let (mut found_ids, mut found_text) = (Vec::new(), String::new());
    for event in events {
        if let TaskEvent::Tokens { ids, text, .. } = event {
            found_ids.extend(ids);
            found_text.push_str(&text);
        }
    }
    assert_eq!(found_ids, ids);
    assert_eq!(found_text, text);
}

#[tokio::test]
async fn an_expert_whose_work_breaks_the_rules_says_that_it_failed() {
    let scripts = [
        vec![accepted()],
        vec![accepted(), accepted(), done(0)],
        vec![tokens(0, &[1], "a"), done(1)],
        vec![accepted(), tokens(1, &[1], "a"), done(1)],
        vec![accepted(), tokens(0, &[0; 1_001], "a"), done(1_001)],
        vec![accepted(), Err(TaskError::Protocol("backend".into()))],
    ];
    for (index, script) in scripts.into_iter().enumerate() {
        let service = FakeService::scripted(script, false);
        let (task, _) = asking(&service, offer(), PIPE_BYTES).await;
        let error = match task {
            Ok(mut task) => rest(&mut task).await.1,
            Err(error) => Some(error),
        };
        assert!(error.as_ref().is_some_and(failed("internal")), "script {index}: {error:?}");
    }
}

#[tokio::test]
async fn an_expert_that_stops_says_so() {
    let service = FakeService::scripted(vec![accepted()], true);
    let (near, far) = pipe(PIPE_BYTES);
    let stop = CancellationToken::new();
    let serving = serving(far, &service, &stop);
    let asker = Asker::new(CancellationToken::new(), Watch::default());
    let mut task = within(asker.ask(near, the_expert(), offer(), Loading::default())).await.unwrap();
    stop.cancel();
    let (_, error) = rest(&mut task).await;
    assert!(error.as_ref().is_some_and(failed("stopping")), "{error:?}");
    assert!(matches!(within(serving).await.unwrap(), Served::Ended(_)));
}

#[tokio::test]
async fn an_asker_that_stops_cancels_its_tasks_and_drains() {
    let service = FakeService::scripted(vec![accepted()], true);
    let (near, far) = pipe(PIPE_BYTES);
    let serving = serving(far, &service, &CancellationToken::new());
    let stop = CancellationToken::new();
    let asker = Asker::new(stop.clone(), Watch::default());
    let mut task = within(asker.ask(near, the_expert(), offer(), Loading::default())).await.unwrap();
    stop.cancel();
    within(asker.drained()).await;
    assert_eq!(within(serving).await.unwrap(), Served::Cancelled);
    assert!(matches!(within(task.next()).await, Some(Ok(TaskEvent::Accepted { .. }))));
    rest(&mut task).await;
}

#[tokio::test]
async fn whoever_waits_for_a_model_hears_how_far_it_is() {
    let loading = Loading::default();
    let heard = loading.subscribe();
    let told = loading.subscribe();
    let service = FakeService::new(move |_| {
        let mut told = told.clone();
        async move {
            // As long as it takes until a heartbeat has come through.
            let _ = told.wait_for(Option::is_some).await;
            Err(TaskError::Busy { retry_after_ms: 5 })
        }
        .boxed()
    });
    let (near, far) = pipe(PIPE_BYTES);
    let _serving = serving(far, &service, &CancellationToken::new());
    let asker = Asker::new(CancellationToken::new(), Watch::default());
    let error = within(asker.ask(near, the_expert(), offer(), loading)).await.err();
    assert_eq!(error, Some(TaskError::Busy { retry_after_ms: 5 }));
    assert_eq!(*heard.borrow(), Some(43));
}

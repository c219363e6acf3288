//! The window: which step a code is found at, what is spent, what resynchronises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test fails by panicking"
)]

use otp::{
    Code, Digest, Digits, Drift, Found, Kind, Parameters, Period, Resynced, Seed, Step, Window,
    centre, code_at, resync, search,
};
use proptest::prelude::*;
use zeroize::Zeroizing;

const TOTP: Parameters = Parameters {
    kind: Kind::Totp(Period::SIXTY),
    digest: Digest::Sha1,
    digits: Digits::SIX,
};
const HOTP: Parameters = Parameters {
    kind: Kind::Hotp,
    ..TOTP
};

/// The key of RFC 4226 Appendix D.
fn rfc_seed() -> Seed {
    Seed::from_bytes(Zeroizing::new(b"12345678901234567890".to_vec())).unwrap()
}

fn code(step: u64) -> Code {
    code_at(&rfc_seed(), TOTP, Step(step))
}

fn find(centre: u64, window: Window, code: &Code, spent: Option<u64>) -> Found {
    search(
        &rfc_seed(),
        TOTP,
        Step(centre),
        window,
        code,
        spent.map(Step),
    )
}

fn fresh(step: u64, offset: i32) -> Found {
    Found::Fresh {
        step: Step(step),
        offset,
    }
}

#[test]
fn the_default_is_sixty_seconds_sha_1_six_digits() {
    assert_eq!(Parameters::default(), TOTP);
}

#[test]
fn the_centre_is_the_current_step_plus_drift() {
    assert_eq!(
        centre(Period::SIXTY, 1_665_950_284, Drift(0)),
        Step(27_765_838)
    );
    assert_eq!(
        centre(Period::SIXTY, 1_665_950_284, Drift(-14)),
        Step(27_765_824)
    );
    assert_eq!(centre(Period::THIRTY, 59, Drift(3)), Step(4));
    assert_eq!(centre(Period::SIXTY, 119, Drift(-2)), Step(0));
    assert_eq!(
        centre(Period::new(1).unwrap(), u64::MAX, Drift(1)),
        Step(u64::MAX)
    );
}

#[test]
fn a_login_takes_the_step_on_either_side_and_no_further() {
    assert_eq!(find(100, Window::LOGIN, &code(99), None), fresh(99, -1));
    assert_eq!(find(100, Window::LOGIN, &code(100), None), fresh(100, 0));
    assert_eq!(find(100, Window::LOGIN, &code(101), None), fresh(101, 1));
    assert_eq!(find(100, Window::LOGIN, &code(98), None), Found::Absent);
    assert_eq!(find(100, Window::LOGIN, &code(102), None), Found::Absent);
}

#[test]
fn a_step_is_spent_up_to_and_including_the_floor() {
    let spent = Found::Spent { step: Step(100) };
    assert_eq!(
        find(100, Window::LOGIN, &code(100), Some(99)),
        fresh(100, 0)
    );
    assert_eq!(find(100, Window::LOGIN, &code(100), Some(100)), spent);
    assert_eq!(find(100, Window::LOGIN, &code(100), Some(5_000)), spent);
    assert_eq!(
        find(100, Window::LOGIN, &code(98), Some(5_000)),
        Found::Absent
    );
}

#[test]
fn steps_outside_the_range_do_not_exist() {
    assert_eq!(find(0, Window::SYNC, &code(0), None), fresh(0, 0));
    assert_eq!(find(2, Window::SYNC, &code(0), None), fresh(0, -2));
    let last = u64::MAX;
    assert_eq!(find(last, Window::SYNC, &code(last), None), fresh(last, 0));
}

#[test]
fn a_counter_is_searched_ahead_only() {
    let find = |counter| {
        let everywhere = Window {
            behind: 10,
            ahead: 3,
        };
        search(
            &rfc_seed(),
            HOTP,
            Step(5),
            everywhere,
            &code(counter),
            Some(Step(4)),
        )
    };
    assert_eq!(find(4), Found::Absent);
    assert_eq!(find(5), fresh(5, 0));
    assert_eq!(find(8), fresh(8, 3));
    assert_eq!(find(9), Found::Absent);
}

#[test]
fn a_code_of_another_length_is_absent() {
    let eight = Parameters {
        digits: Digits::EIGHT,
        ..TOTP
    };
    let long = code_at(&rfc_seed(), eight, Step(100));
    assert_eq!(find(100, Window::LOGIN, &long, None), Found::Absent);
    let first = code_at(&rfc_seed(), eight, Step(99));
    let both = resync(
        &rfc_seed(),
        TOTP,
        Step(100),
        Window::SYNC,
        &first,
        &long,
        None,
    );
    assert_eq!(both, None);
}

/// Steps `COLLISION` and the next one show the same code.
const COLLISION: u64 = 910_737;

#[test]
fn a_match_on_a_spent_step_goes_on_to_a_later_fresh_one() {
    let shared = code(COLLISION);
    assert!(shared == code(COLLISION + 1), "the constant is wrong");
    let find = |spent| find(COLLISION, Window::LOGIN, &shared, spent);
    assert_eq!(find(None), fresh(COLLISION, 0));
    assert_eq!(find(Some(COLLISION - 1)), fresh(COLLISION, 0));
    assert_eq!(find(Some(COLLISION)), fresh(COLLISION + 1, 1));
    assert_eq!(
        find(Some(COLLISION + 1)),
        Found::Spent {
            step: Step(COLLISION + 1)
        }
    );
}

#[test]
fn one_code_given_twice_never_resynchronises() {
    let shared = code(COLLISION);
    let twice = resync(
        &rfc_seed(),
        TOTP,
        Step(COLLISION),
        Window::SYNC,
        &shared,
        &shared,
        None,
    );
    assert_eq!(twice, None);
}

#[test]
fn resynchronising_needs_two_consecutive_fresh_steps_in_order() {
    let sync = |first, second, spent: Option<u64>| {
        let (first, second) = (code(first), code(second));
        resync(
            &rfc_seed(),
            TOTP,
            Step(1_000),
            Window::SYNC,
            &first,
            &second,
            spent.map(Step),
        )
    };
    let at = |step, drift_offset| {
        Some(Resynced {
            step: Step(step),
            drift_offset,
        })
    };
    assert_eq!(sync(985, 986, None), at(986, -14));
    assert_eq!(sync(985, 986, Some(984)), at(986, -14));
    assert_eq!(sync(985, 986, Some(985)), None);
    assert_eq!(sync(985, 986, Some(986)), None);
    assert_eq!(sync(986, 985, None), None);
    assert_eq!(sync(985, 987, None), None);
    assert_eq!(sync(939, 940, None), at(940, -60));
    assert_eq!(sync(938, 939, None), None);
    assert_eq!(sync(1_059, 1_060, None), at(1_060, 60));
    assert_eq!(sync(1_060, 1_061, None), None);
}

#[test]
fn a_counter_resynchronises_ahead_only() {
    let sync = |first, second| {
        let (first, second) = (code(first), code(second));
        resync(
            &rfc_seed(),
            HOTP,
            Step(50),
            Window::COUNTER_SYNC,
            &first,
            &second,
            None,
        )
    };
    assert_eq!(
        sync(50, 51),
        Some(Resynced {
            step: Step(51),
            drift_offset: 1
        })
    );
    assert_eq!(
        sync(149, 150),
        Some(Resynced {
            step: Step(150),
            drift_offset: 100
        })
    );
    assert_eq!(sync(49, 50), None);
    assert_eq!(sync(150, 151), None);
}

fn seeds() -> impl Strategy<Value = Seed> {
    prop::collection::vec(any::<u8>(), 10..=64)
        .prop_map(|bytes| Seed::from_bytes(Zeroizing::new(bytes)).unwrap())
}

fn parameters() -> impl Strategy<Value = Parameters> {
    let kind = prop_oneof![
        (1..=u32::MAX).prop_map(|seconds| Kind::Totp(Period::new(seconds).unwrap())),
        Just(Kind::Hotp)
    ];
    let digest = prop_oneof![
        Just(Digest::Sha1),
        Just(Digest::Sha256),
        Just(Digest::Sha512)
    ];
    let digits = (6..=10u8).prop_map(|count| Digits::new(count).unwrap());
    (kind, digest, digits).prop_map(|(kind, digest, digits)| Parameters {
        kind,
        digest,
        digits,
    })
}

fn windows() -> impl Strategy<Value = Window> {
    (0..20u16, 0..20u16).prop_map(|(behind, ahead)| Window { behind, ahead })
}

/// The search as RFC 6238 tells it, one step after the other.
fn naive_search(
    (seed, parameters): (&Seed, Parameters),
    centre: u64,
    window: Window,
    code: &Code,
    spent: Option<u64>,
) -> Found {
    let behind = if parameters.kind == Kind::Hotp {
        0
    } else {
        u64::from(window.behind)
    };
    let steps = centre.saturating_sub(behind)..=centre + u64::from(window.ahead);
    let mut found = Found::Absent;
    for step in steps {
        if code_at(seed, parameters, Step(step)).as_str() != code.as_str() {
            continue;
        }
        if spent.is_none_or(|spent| step > spent) {
            let offset = i32::try_from(step.cast_signed() - centre.cast_signed()).unwrap();
            return Found::Fresh {
                step: Step(step),
                offset,
            };
        }
        found = Found::Spent { step: Step(step) };
    }
    found
}

proptest! {
    #[test]
    fn search_agrees_with_the_naive_one(
        seed in seeds(), parameters in parameters(), window in windows(),
        centre in prop_oneof![0..40u64, any::<u32>().prop_map(u64::from)],
        away in -25..25i64, floor in prop::option::of(-25..25i64),
    ) {
        let shown = code_at(&seed, parameters, Step(centre.saturating_add_signed(away)));
        let spent = floor.map(|floor| centre.saturating_add_signed(floor));
        let expected = naive_search((&seed, parameters), centre, window, &shown, spent);
        let found = search(&seed, parameters, Step(centre), window, &shown, spent.map(Step));
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn a_code_never_lives_again_once_its_step_is_spent(
        seed in seeds(), parameters in parameters(), window in windows(), centre in 100..u64::from(u32::MAX),
    ) {
        let shown = code_at(&seed, parameters, Step(centre));
        let mut spent = None;
        let mut accepted = Vec::new();
        while let Found::Fresh { step, .. } =
            search(&seed, parameters, Step(centre), window, &shown, spent)
        {
            prop_assert!(spent < Some(step));
            prop_assert!(code_at(&seed, parameters, step) == shown);
            accepted.push(step);
            spent = Some(step);
        }
        prop_assert!(accepted.contains(&Step(centre)));
    }

    #[test]
    fn resync_finds_what_two_neighbours_show(
        seed in seeds(), parameters in parameters(), centre in 100..u64::from(u32::MAX), away in 1..=60i32,
    ) {
        let second = Step(centre).offset(away).unwrap();
        let first = second.offset(-1).unwrap();
        let codes = (code_at(&seed, parameters, first), code_at(&seed, parameters, second));
        prop_assume!(codes.0 != codes.1);
        let sync = |spent| {
            resync(&seed, parameters, Step(centre), Window::SYNC, &codes.0, &codes.1, spent)
        };
        // Twelve decimal digits: another pair of this window shows the same with odds below 1 in 10^9.
        prop_assert_eq!(sync(None), Some(Resynced { step: second, drift_offset: away }));
        prop_assert_eq!(sync(first.offset(-1)), Some(Resynced { step: second, drift_offset: away }));
        prop_assert_eq!(sync(Some(first)), None);
        prop_assert_eq!(sync(Some(second)), None);
    }

    #[test]
    fn a_code_has_its_number_of_digits(
        seed in seeds(), parameters in parameters(), step in any::<u64>(),
    ) {
        let shown = code_at(&seed, parameters, Step(step));
        prop_assert_eq!(shown.as_str().len(), usize::from(parameters.digits.count()));
        prop_assert!(Code::parse(shown.as_str(), parameters.digits).unwrap() == shown);
        let longest = code_at(&seed, Parameters { digits: Digits::MAX, ..parameters }, Step(step));
        prop_assert!(longest.as_str().ends_with(shown.as_str()));
    }
}

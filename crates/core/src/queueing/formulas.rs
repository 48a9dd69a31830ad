//! Erlang's formulas and the number in an M/M/c queue.

/// The probability that a request finds all of `servers` >= 0 busy where none may wait (Erlang's B formula), by the
/// stable recursion; `load` is the offered load in servers.
///
/// Between whole numbers it starts from the parabola of Rapp (1964): within 2 % of the continuous formula for loads of
/// 0.3 and more.
pub fn erlang_b(servers: f64, load: f64) -> f64 {
    let whole = servers.floor();
    let fraction = servers - whole;
    let common = (1.0 + load) * (1.0 + load) + load;
    let start = 1.0 - fraction * (load + 2.0) / common + fraction * fraction / ((1.0 + load) * common);
    (1..=whole as u64).fold(start, |blocking, k| load * blocking / (fraction + k as f64 + load * blocking))
}

/// The probability that a request waits in an M/M/c queue at utilisation `rho` (Erlang's C formula).
pub fn erlang_c(servers: u16, rho: f64) -> f64 {
    let blocking = erlang_b(f64::from(servers), f64::from(servers) * rho);
    blocking / (1.0 - rho * (1.0 - blocking))
}

/// The mean number of requests in an M/M/c queue at utilisation `rho` < 1.
pub fn number_in_system(servers: u16, rho: f64) -> f64 {
    f64::from(servers) * rho + erlang_c(servers, rho) * rho / (1.0 - rho)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erlang_c_meets_the_textbook() {
        assert!((erlang_c(2, 0.5) - 1.0 / 3.0).abs() < 1e-12);
        assert!((erlang_c(10, 0.9) - 0.668_732).abs() < 1e-6);
        assert!((number_in_system(32, 0.95) - 43.618_492).abs() < 1e-5);
    }

    #[test]
    fn erlang_b_meets_the_textbook() {
        for (load, servers, blocking) in [(2.0, 4.0, 0.095_238), (20.0, 30.0, 0.008_457), (90.0, 100.0, 0.026_957)] {
            assert!((erlang_b(servers, load) - blocking).abs() < 1e-6, "{load} {servers}");
        }
    }

    #[test]
    fn erlang_b_between_whole_numbers_of_servers_is_its_integral() {
        for load in [0.3_f64, 2.0, 15.0] {
            for tenth in (1..60).step_by(3) {
                let servers = f64::from(tenth) / 10.0;
                // 1 / B is the integral of load exp(-load t) (1 + t)^servers over all t (Fortet).
                let step = 1e-3 / load;
                let at = |t: f64| load * (-load * t).exp() * (1.0 + t).powf(servers);
                let sum: f64 = (0..60_000).map(|k| at((f64::from(k) + 0.5) * step)).sum();
                let exact = 1.0 / (sum * step);
                assert!((erlang_b(servers, load) / exact - 1.0).abs() < 0.02, "{servers} {load}: {exact}");
            }
        }
    }
}

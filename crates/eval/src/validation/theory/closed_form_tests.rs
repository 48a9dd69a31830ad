//! Holds the closed forms to published figures.

use super::closed_forms::*;

#[track_caller]
fn close(what: &str, found: f64, published: f64, decimals: i32) {
    // Half a unit in the last place that is printed.
    let rounding = 0.5 * 10_f64.powi(-decimals) * 1.001;
    assert!((found - published).abs() <= rounding, "{what}: {found}, published {published}");
}

#[test]
fn the_m_m_c_figures_are_the_published_ones() {
    // c, rho, Erlang C, Wq, W, Lq, L, p99 of the wait, p99 of the response.
    let rows = [
        (1, 0.50, [0.500000, 1.000000, 2.000000, 0.500000, 1.000000, 7.8240, 9.2103]),
        (1, 0.80, [0.800000, 4.000000, 5.000000, 3.200000, 4.000000, 21.9101, 23.0259]),
        (1, 0.90, [0.900000, 9.000000, 10.000000, 8.100000, 9.000000, 44.9981, 46.0517]),
        (1, 0.95, [0.950000, 19.000000, 20.000000, 18.050000, 19.000000, 91.0775, 92.1034]),
        (2, 0.50, [0.333333, 0.333333, 1.333333, 0.333333, 1.333333, 3.5066, 5.6660]),
        (2, 0.80, [0.711111, 1.777778, 2.777778, 2.844444, 4.444444, 10.6606, 11.9374]),
        (2, 0.90, [0.852632, 4.263158, 5.263158, 7.673684, 9.473684, 22.2287, 23.3444]),
        (3, 0.70, [0.492344, 0.547049, 1.547049, 1.148804, 3.248804, 4.3295, 6.2719]),
        (4, 0.80, [0.596432, 0.745541, 1.745541, 2.385730, 5.585730, 5.1105, 6.8932]),
        (4, 0.90, [0.787753, 1.969383, 2.969383, 7.089779, 10.689779, 10.9165, 12.1932]),
        (5, 0.90, [0.762493, 1.524986, 2.524986, 6.862439, 11.362439, 8.6680, 10.0498]),
        (8, 0.80, [0.457645, 0.286028, 1.286028, 1.830580, 8.230580, 2.3897, 5.1522]),
        (8, 0.95, [0.844169, 2.110422, 3.110422, 16.039204, 23.639204, 11.0894, 12.3660]),
        (10, 0.80, [0.409180, 0.204590, 1.204590, 1.636721, 9.636721, 1.8558, 4.9461]),
        (10, 0.90, [0.668732, 0.668732, 1.668732, 6.018584, 15.018584, 4.2028, 6.2499]),
        (16, 0.90, [0.591343, 0.369590, 1.369590, 5.322091, 19.722091, 2.5499, 5.2698]),
        (20, 0.90, [0.550769, 0.275385, 1.275385, 4.956921, 22.956921, 2.0044, 5.0416]),
        (32, 0.95, [0.695710, 0.434819, 1.434819, 13.218492, 43.618492, 2.6515, 5.3532]),
        (50, 0.95, [0.629095, 0.251638, 1.251638, 11.952800, 59.452800, 1.6567, 4.9552]),
        (100, 0.95, [0.506457, 0.101291, 1.101291, 9.622680, 104.622680, 0.7850, 4.7244]),
    ];
    assert_eq!(super::mmc::PAIRS, rows.map(|(servers, rho, _)| (servers, rho)));
    for (servers, rho, [waits, wait, response, waiting, number, wait_p99, response_p99]) in rows {
        let queue = MultiServer { servers, rho };
        let name = |quantity: &str| format!("c = {servers}, rho = {rho}: {quantity}");
        close(&name("Erlang C"), queue.waits(), waits, 6);
        close(&name("Wq"), queue.wait_mean(), wait, 6);
        close(&name("W"), queue.response_mean(), response, 6);
        close(&name("Lq"), queue.waiting(), waiting, 6);
        close(&name("L"), queue.in_system(), number, 6);
        close(&name("p99 of the wait"), queue.wait_p99(), wait_p99, 4);
        close(&name("p99 of the response"), queue.response_p99(), response_p99, 4);
    }
}

#[test]
fn the_finite_queues_figures_are_the_published_ones() {
    let rows = [
        (0.8, 10, [0.023493, 2.966314, 3.797098]),
        (0.9, 20, [0.013651, 6.419888, 7.231935]),
        (1.0, 10, [0.090909, 5.000000, 5.500000]),
        (1.2, 10, [0.192586, 6.710709, 6.926138]),
        (1.5, 20, [0.333400, 18.004211, 18.006016]),
        (2.0, 50, [0.500000, 49.000000, 49.000000]),
    ];
    for (rho, room, [loss, number, response]) in rows {
        let queue = FiniteQueue { rho, room };
        close("loss", queue.loss(), loss, 6);
        close("L", queue.in_system(), number, 6);
        close("W", queue.response_mean(), response, 6);
    }
    let rows = [(2.0, 4, 0.095238), (8.0, 10, 0.121661), (10.0, 10, 0.214582)];
    let more = [(20.0, 30, 0.008457), (50.0, 50, 0.104787), (90.0, 100, 0.026957)];
    for (load, servers, lost) in rows.into_iter().chain(more) {
        close("Erlang B", erlang_b(servers, load), lost, 6);
    }
}

#[test]
fn the_figures_of_m_g_1_and_of_networks_are_the_published_ones() {
    let rows =
        [(0.5, [0.5, 0.75, 1.0, 2.5, 5.5]), (0.8, [2.0, 3.0, 4.0, 10.0, 22.0]), (0.9, [4.5, 6.75, 9.0, 22.5, 49.5])];
    for (rho, waits) in rows {
        for (cv2, wait) in [0.0, 0.5, 1.0, 4.0, 10.0].into_iter().zip(waits) {
            close("Wq", single_server_wait(rho, cv2), wait, 9);
        }
    }
    close("tandem", tandem_response(0.6, &[1.0, 0.8, 1.2]), 9.166667, 6);
    let visited = feedback_rate(1.0, 0.3);
    close("visits", visited, 1.428571, 6);
    close("first station", single_server_number(visited, 2.0), 2.5, 9);
    close("second station", single_server_number(visited, 1.8), 3.846154, 6);
    close("fan-out of 10", any_beyond(10, 0.01), 0.0956, 4);
    close("fan-out of 100", any_beyond(100, 0.01), 0.6340, 4);
}

#[test]
fn the_scalability_laws_figures_are_the_published_ones_and_a_fit_finds_them_again() {
    let law = Scalability { contention: 0.05, coherency: 0.001 };
    let rows = [(8.0, 5.6899), (16.0, 8.0402), (32.0, 9.0344), (64.0, 7.8220)];
    for (replicas, throughput) in rows {
        close("throughput", law.throughput(replicas), throughput, 4);
    }
    close("peak", law.peak(), 30.82, 2);
    let points = rows.map(|(replicas, _)| (replicas, law.throughput(replicas)));
    close("fitted peak", Scalability::fitted(&points).peak(), law.peak(), 9);
}

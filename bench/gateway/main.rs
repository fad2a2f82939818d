//! Measures the engine behind written requests and prints one table.
//!
//! usage: bench-gateway [--seconds N]

#[cfg(feature = "api")]
mod api;
mod inside;
#[cfg(feature = "api")]
mod load;
#[cfg(feature = "api")]
mod peers;
#[cfg(feature = "api")]
mod upstream;

use std::time::Duration;

use hdrhistogram::Histogram;

/// One line of the table.
struct Line {
    what: String,
    figure: String,
    goal: &'static str,
}

fn main() {
    let given: Vec<String> = std::env::args().skip(1).collect();
    #[cfg(feature = "api")]
    if let [role, address] = given.as_slice()
        && role == "serve"
    {
        return api::serve(address);
    }
    let seconds = match given.as_slice() {
        [] => 10,
        [name, count] if name == "--seconds" => count.parse().expect("--seconds takes a number"),
        _ => panic!("usage: bench-gateway [--seconds N]"),
    };
    let time = Duration::from_secs(seconds);
    #[cfg(feature = "api")]
    let api = api::measure(time);
    #[cfg(not(feature = "api"))]
    let api = Vec::new();
    let lines: Vec<Line> = inside::measure(time / 4).into_iter().chain(api).collect();
    let wide = lines.iter().map(|line| line.what.len()).max().unwrap_or_default();
    for Line { what, figure, goal } in lines {
        println!("{what:wide$}  {figure:62}  {goal}");
    }
    #[cfg(feature = "api")]
    println!("\n{}\n", peers::measure(time));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load average {}", load.trim());
}

/// Median, 90th and 99th of 100 and the worst, in microseconds.
fn spread(times: &Histogram<u64>) -> String {
    let at = |quantile| times.value_at_quantile(quantile) as f64 / 1000.0;
    let worst = times.max() as f64 / 1000.0;
    format!("p50 {:.1} µs, p90 {:.1} µs, p99 {:.1} µs, worst {worst:.0} µs", at(0.5), at(0.9), at(0.99))
}

/// Nanoseconds, up to a minute.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds of a histogram")
}

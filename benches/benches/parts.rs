//! How long each part takes: `cargo bench --manifest-path benches/Cargo.toml`.

use criterion::{criterion_group, criterion_main, Criterion, Throughput};
use peer_benches::PARTS;

fn parts(criterion: &mut Criterion) {
    for part in PARTS {
        let mut group = criterion.benchmark_group(part.name);
        group.throughput(Throughput::Elements(part.readings));
        group.bench_function("", |bencher| bencher.iter((part.prepare)()));
        group.finish();
    }
}

criterion_group!(benches, parts);
criterion_main!(benches);

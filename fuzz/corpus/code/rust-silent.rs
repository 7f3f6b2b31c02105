// What is none: servers, workers, searches, a lock in this process.
use std::sync::RwLock;

const RETRIES: u32 = 3;

async fn serve(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => spawn(stream),
            Err(error) => log::warn!("{error}"),
        }
    }
}

async fn work(mut jobs: Receiver<Job>) {
    while let Some(job) = jobs.recv().await {
        if let Err(error) = handle(job).await {
            log::error!("{error}");
        }
    }
}

fn parse(lines: &[String]) -> Vec<u32> {
    let mut all = Vec::new();
    for line in lines {
        match line.parse() {
            Ok(n) => all.push(n),
            Err(_) => continue,
        }
    }
    all
}

fn read(lock: &RwLock<u32>) -> u32 {
    *lock.read().unwrap()
}

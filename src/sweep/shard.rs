//! Shares of a grid, and the schedulers that hand them out.

use std::fmt;

/// Share I of N: every N-th cell, so that shares are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 1.
    pub index: u64,
    pub of: u64,
}

/// Why a text is no share, or none is to be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ShardError(String);

impl Shard {
    pub const WHOLE: Shard = Shard { index: 1, of: 1 };

    pub fn owns(self, cell: u64) -> bool {
        cell % self.of == self.index - 1
    }

    /// Reads `I/N`, `auto`, or `auto/N`; `auto` asks the scheduler's environment.
    ///
    /// # Errors
    /// [`ShardError`] says what is wrong with it.
    pub fn parse(text: &str, env: impl Fn(&str) -> Option<String>) -> Result<Shard, ShardError> {
        Shard::read(text, env).map_err(ShardError)
    }

    fn read(text: &str, env: impl Fn(&str) -> Option<String>) -> Result<Shard, String> {
        let (index, of) = match text.split_once('/') {
            Some((index, of)) => {
                let n = of.parse::<u64>().ok().filter(|n| *n > 0);
                let n = n.ok_or_else(|| format!("`{of}` is not a number of shards"))?;
                (index, Some(n))
            }
            None => (text, None),
        };
        let shard = match (index, of) {
            ("auto", of) => scheduled(env, of)?,
            (index, Some(of)) => {
                let index = index.parse::<u64>();
                let index =
                    index.map_err(|_| format!("`{text}` is not a shard: write 2/7, or auto"))?;
                Shard { index, of }
            }
            _ => return Err(format!("`{text}` is not a shard: write 2/7, or auto")),
        };
        match (1..=shard.of).contains(&shard.index) {
            true => Ok(shard),
            false => Err(format!("there is no shard {} of {}", shard.index, shard.of)),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// The share that Slurm (job arrays), AWS Batch (array jobs) or Kubernetes
/// (Indexed Jobs, which do not say how many there are) gives to this process.
fn scheduled(env: impl Fn(&str) -> Option<String>, of: Option<u64>) -> Result<Shard, String> {
    let number = |name: &str| -> Option<u64> { env(name)?.trim().parse().ok() };
    if let Some(task) = number("SLURM_ARRAY_TASK_ID") {
        let first = number("SLURM_ARRAY_TASK_MIN").unwrap_or(0);
        let step = number("SLURM_ARRAY_TASK_STEP").unwrap_or(1).max(1);
        let of = of
            .or(number("SLURM_ARRAY_TASK_COUNT"))
            .ok_or("SLURM_ARRAY_TASK_COUNT is not set: write auto/N")?;
        let index = task.saturating_sub(first) / step + 1;
        return Ok(Shard { index, of });
    }
    if let Some(index) = number("AWS_BATCH_JOB_ARRAY_INDEX") {
        let of = of
            .or(number("AWS_BATCH_JOB_ARRAY_SIZE"))
            .ok_or("AWS_BATCH_JOB_ARRAY_SIZE is not set: write auto/N")?;
        return Ok(Shard {
            index: index + 1,
            of,
        });
    }
    if let Some(index) = number("JOB_COMPLETION_INDEX") {
        let of = of.ok_or("Kubernetes does not tell how many shards there are: write auto/N")?;
        return Ok(Shard {
            index: index + 1,
            of,
        });
    }
    Err(
        "no scheduler has set a shard: neither SLURM_ARRAY_TASK_ID, \
         AWS_BATCH_JOB_ARRAY_INDEX nor JOB_COMPLETION_INDEX is there"
            .to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, env: &[(&str, &str)]) -> Result<Shard, String> {
        Shard::read(text, |name| {
            let found = env.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.to_string())
        })
    }

    #[test]
    fn shards_are_read() {
        assert_eq!(parse("2/7", &[]), Ok(Shard { index: 2, of: 7 }));
        for wrong in ["5/4", "0/4", "1/0", "x/4", "3", "-1/4", ""] {
            assert!(parse(wrong, &[]).is_err(), "{wrong}");
        }
        assert!(parse("5/4", &[]).unwrap_err().contains("no shard 5 of 4"));
    }

    #[test]
    fn schedulers_hand_them_out() {
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", "14"),
            ("SLURM_ARRAY_TASK_MIN", "10"),
            ("SLURM_ARRAY_TASK_STEP", "2"),
            ("SLURM_ARRAY_TASK_COUNT", "5"),
        ];
        assert_eq!(parse("auto", &slurm), Ok(Shard { index: 3, of: 5 }));
        let batch = [
            ("AWS_BATCH_JOB_ARRAY_INDEX", "0"),
            ("AWS_BATCH_JOB_ARRAY_SIZE", "4"),
        ];
        assert_eq!(parse("auto", &batch), Ok(Shard { index: 1, of: 4 }));
        let kubernetes = [("JOB_COMPLETION_INDEX", "6")];
        assert_eq!(parse("auto/7", &kubernetes), Ok(Shard { index: 7, of: 7 }));
        assert!(parse("auto", &kubernetes).unwrap_err().contains("auto/N"));
        assert!(parse("auto/6", &kubernetes).is_err());
        assert!(parse("auto", &[]).unwrap_err().contains("no scheduler"));
    }

    #[test]
    fn every_cell_belongs_to_one_shard() {
        for cell in 0..100 {
            let owners = (1..=7).filter(|i| Shard { index: *i, of: 7 }.owns(cell));
            assert_eq!(owners.count(), 1);
        }
    }
}

use herdsim::{herd::Herd, scenario::*, streams::Streams};
fn main(){
  let mut l=Layers::default();
  for a in std::env::args().skip(1) { l.set(&a).unwrap(); }
  let s=Scenario::from_layers(&l).unwrap();
  let reps=std::env::var("REPS").map_or(12,|x|x.parse().unwrap());
  for (n,p) in &s.policies { let mut best=f64::MAX; let mut ev=0;
  for r in 0..reps { let t=std::time::Instant::now(); ev=Herd{scenario:&s,policy:p}.replicate(Streams{seed:1,replication:r}).events; best=best.min(t.elapsed().as_secs_f64()); }
  println!("{n} best {:.1} ms  {:.1} ns/event", best*1e3, best*1e9/ev as f64); }
}

use herdsim::{herd::Herd, scenario::*, streams::Streams};
fn main(){
  let mut l=Layers::default();
  for a in ["callers.arrival=closed","callers.think=exp(1s)","service.servers=50","service.service_time=exp(5ms)","service.queue=1_000","policy.*.timeout=500ms","compare=['fixed']"] { l.set(a).unwrap(); }
  for a in std::env::args().skip(1) { l.set(&a).unwrap(); }
  let s=Scenario::from_layers(&l).unwrap();
  let mut n=0;
  let t=std::time::Instant::now();
  for r in 0..std::env::var("REPS").map_or(20,|x|x.parse().unwrap()) { n+=Herd{scenario:&s,policy:&s.policies[0].1}.replicate(Streams{seed:1,replication:r}).events; }
  let e=t.elapsed(); println!("{n} {:.1} ms  {:.1} ns/event", e.as_secs_f64()*1e3/20., e.as_nanos() as f64/n as f64);
}

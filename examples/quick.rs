use herdsim::{ensemble::herd::run, scenario::*, herd::METRICS};
fn main(){
  let mut l=Layers::default();
  for a in std::env::args().skip(1) { l.set(&a).unwrap(); }
  let s=Scenario::from_layers(&l).unwrap();
  println!("{}", s.to_toml());
  let pool=rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
  let t=std::time::Instant::now();
  let r=run(&s,&pool,&Default::default(),|_,_|());
  let el=t.elapsed();
  for (i,m) in METRICS.iter().enumerate(){ print!("{m:24}"); for p in &r.policies { let e=p.estimate(i); print!("{:>14.5} ±{:<9.4}",e.mean,e.half_width()); } println!(); }
  println!("{:?} {} events {:.1} ns/event {:.2}ms/replication", el, r.events, el.as_nanos() as f64/r.events as f64, el.as_secs_f64()*1e3/(r.replications*r.policies.len() as u64) as f64);
}

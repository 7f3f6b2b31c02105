# Runs the Ruby cases under a clock that only sleeping and failing calls move.
#
#     ruby harness.rb CASES OUT.json
#
# Every case defines `run(client)`. What is written is what harness.py writes.
require 'json'
require 'net/http'
require 'timeout'
begin
  require 'retriable'
rescue LoadError
  nil
end

RUNS = Integer(ENV.fetch('RUNS', '300'))

class Stopped < Exception; end

module World
  class << self
    attr_accessor :now, :starts, :ends
  end
end

class Client
  def get(_path)
    raise Stopped if World.starts.size == 60

    World.starts << World.now
    World.ends << World.now
    raise Timeout::Error, 'no answer'
  end
end

module Kernel
  def sleep(seconds)
    World.now += [seconds, 0].max
  end
end

module Process
  def self.clock_gettime(*_args)
    World.now
  end
end

observed = {}
Dir[File.join(ARGV[0], '*.rb')].sort.each do |path|
  next if File.read(path).include?('Retriable') && !defined?(Retriable)

  observed[File.basename(path)] = Array.new(RUNS) do
    World.now, World.starts, World.ends = 0.0, [], []
    stopped = false
    place = Module.new
    place.module_eval(File.read(path), path)
    begin
      place.const_get(:Case).new.run(Client.new)
    rescue Stopped
      stopped = true
    rescue StandardError
      nil
    end
    { starts: World.starts, ends: World.ends, finish: World.now, stopped: stopped }
  end
end
File.write(ARGV[1], JSON.generate(observed))

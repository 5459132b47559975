module levada/bench/peers/go

go 1.19

-- Prints fib(20) and how many calls that took.
local calls = 0

local function fib(n)
	calls = calls + 1
	if n < 2 then return n end
	return fib(n - 1) + fib(n - 2)
end

print(fib(20), calls)

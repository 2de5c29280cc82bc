-- Coroutines that end, fail, are abandoned, and yield across pcall. Prints the calls of Lua functions.
local calls = 1                         -- this chunk

local function walk(n)
	calls = calls + 1
	if n == 0 then return end
	walk(n - 1)
	coroutine.yield(n)
	walk(n - 1)
end

local sum = 0
for v in coroutine.wrap(function() calls = calls + 1 walk(6) end) do sum = sum + v end
print(sum)

local fails = coroutine.create(function() calls = calls + 1 error({}) end)
print(coroutine.resume(fails) == false, coroutine.status(fails))

local patient = coroutine.wrap(function()
	calls = calls + 1
	local function waits(n)
		calls = calls + 1
		if n > 0 then return 1 + waits(n - 1) end
		coroutine.yield("waits")
		error("late", 0)
	end
	print(pcall(waits, 20))
	return "done"
end)
print(patient())
for _ = 1, 30 do
	local abandoned = coroutine.wrap(function() calls = calls + 1 coroutine.yield() end)
	abandoned()
end
print(patient())
print(select(2, pcall(coroutine.wrap(function() calls = calls + 1 error("wrapped", 0) end))))

local function tail(n)                  -- one call, then 99 that replace it
	if n > 1 then return tail(n - 1) end
	return "tail"
end
calls = calls + 1
print(tail(100))
print(calls)

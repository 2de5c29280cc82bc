-- Garbage over a live heap that is too large for one slice, finalizers, collections that are asked for.
collectgarbage("incremental")           -- as the host is; lua5.4 begins as generational
local live, finalized = {}, 0
local count = { __gc = function()
	finalized = finalized + 1
	collectgarbage()                -- from inside the collector: refused
end }

for i = 1, 100000 do live[i] = { i } end
for i = 1, 400000 do
	local dead = { tostring(i) }
	if i % 4000 == 0 then setmetatable(dead, count) end
end
collectgarbage()
print(#live, finalized)

collectgarbage("stop")
local used = collectgarbage("count")
for i = 1, 100000 do local dead = { i } end
local grown = collectgarbage("count") - used
print(grown > 4096, collectgarbage("isrunning"))
collectgarbage("restart")
repeat until collectgarbage("step", 100)
print(collectgarbage("isrunning"))

-- Prints how many bytes one full collection freed, as the program sees it.
for i = 1, 20000 do local dead = { i } end
local before = collectgarbage("count")
collectgarbage()
print(string.format("%d", (before - collectgarbage("count")) * 1024))

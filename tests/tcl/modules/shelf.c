/* Two data types that hold the same thing, a row of boxes: `shelf-mov` has a defrag callback, so
 * its values can move; `shelf-fix` has none.
 *
 * A box is a name (a RedisModuleString) and a chain of blocks, so a value is nested allocations
 * of three kinds behind a table of pointers. The defrag callback visits at most `step` boxes at a
 * time and goes on at its cursor, as a module with large values would. */
#define REDISMODULE_EXPERIMENTAL_API
#include <stdint.h>
#include <string.h>

#include "redismodule.h"

#define FILL 7 /* bytes of a block: FILL * its index in them */

typedef struct Block {
    struct Block *next;
    size_t size;
    unsigned char data[];
} Block;

typedef struct {
    RedisModuleString *name;
    Block *first;
} Box;

typedef struct {
    size_t boxes;
    Box **box;
} Shelf;

static RedisModuleType *moving_type, *fixed_type;
static unsigned long step = 4;
static long long defrag_calls, defrag_resumes, wrong_cursors;
static unsigned long expected_cursor;

/* ---- Values ---- */

static void fill(Block *block, size_t from) {
    for (size_t i = from; i < block->size; i++) block->data[i] = (unsigned char)(FILL * i);
}

static int is_filled(const Block *block) {
    for (size_t i = 0; i < block->size; i++)
        if (block->data[i] != (unsigned char)(FILL * i)) return 0;
    return RedisModule_MallocSize((void *)block) >= sizeof(*block) + block->size;
}

static Block *new_block(size_t size, Block *next) {
    Block *block = RedisModule_Alloc(sizeof(*block) + size);
    block->next = next;
    block->size = size;
    fill(block, 0);
    return block;
}

static void add_box(Shelf *shelf, RedisModuleString *name, size_t size, size_t blocks) {
    Box *box = RedisModule_Calloc(1, sizeof(*box));
    box->name = name;
    for (size_t i = 0; i < blocks; i++) box->first = new_block(size, box->first);
    shelf->box = RedisModule_Realloc(shelf->box, (shelf->boxes + 1) * sizeof(*shelf->box));
    shelf->box[shelf->boxes++] = box;
}

static RedisModuleString *copy_string(const RedisModuleString *string) {
    size_t length;
    const char *text = RedisModule_StringPtrLen(string, &length);
    return RedisModule_CreateString(NULL, text, length);
}

static size_t count_blocks(const Box *box) {
    size_t blocks = 0;
    for (const Block *block = box->first; block; block = block->next) blocks++;
    return blocks;
}

static void free_box(Box *box) {
    RedisModule_FreeString(NULL, box->name);
    for (Block *block = box->first, *next; block; block = next) {
        next = block->next;
        RedisModule_Free(block);
    }
    RedisModule_Free(box);
}

/* ---- Type callbacks ---- */

static void shelf_free(void *value) {
    Shelf *shelf = value;
    for (size_t i = 0; i < shelf->boxes; i++) free_box(shelf->box[i]);
    RedisModule_Free(shelf->box);
    RedisModule_Free(shelf);
}

static size_t shelf_free_effort(RedisModuleString *key, const void *value) {
    (void)key;
    return ((const Shelf *)value)->boxes;
}

static size_t shelf_mem_usage(const void *value) {
    const Shelf *shelf = value;
    size_t bytes = RedisModule_MallocSize((void *)shelf) + RedisModule_MallocSize(shelf->box);
    for (size_t i = 0; i < shelf->boxes; i++) {
        bytes += RedisModule_MallocSize(shelf->box[i]);
        for (Block *b = shelf->box[i]->first; b; b = b->next) bytes += RedisModule_MallocSize(b);
    }
    return bytes;
}

static void shelf_digest(RedisModuleDigest *digest, void *value) {
    Shelf *shelf = value;
    for (size_t i = 0; i < shelf->boxes; i++) {
        size_t length;
        const char *name = RedisModule_StringPtrLen(shelf->box[i]->name, &length);
        RedisModule_DigestAddStringBuffer(digest, (unsigned char *)name, length);
        for (Block *b = shelf->box[i]->first; b; b = b->next)
            RedisModule_DigestAddStringBuffer(digest, b->data, b->size);
    }
    RedisModule_DigestEndSequence(digest);
}

static void *shelf_copy(RedisModuleString *from, RedisModuleString *to, const void *value) {
    (void)from, (void)to;
    const Shelf *shelf = value;
    Shelf *copy = RedisModule_Calloc(1, sizeof(*copy));
    for (size_t i = 0; i < shelf->boxes; i++) {
        const Box *box = shelf->box[i];
        size_t size = box->first ? box->first->size : 0;
        add_box(copy, copy_string(box->name), size, count_blocks(box));
    }
    return copy;
}

static void shelf_save(RedisModuleIO *io, void *value) {
    const Shelf *shelf = value;
    RedisModule_SaveUnsigned(io, shelf->boxes);
    for (size_t i = 0; i < shelf->boxes; i++) {
        const Box *box = shelf->box[i];
        RedisModule_SaveString(io, box->name);
        RedisModule_SaveUnsigned(io, box->first ? box->first->size : 0);
        RedisModule_SaveUnsigned(io, count_blocks(box));
    }
}

static void *shelf_load(RedisModuleIO *io, int version) {
    (void)version;
    Shelf *shelf = RedisModule_Calloc(1, sizeof(*shelf));
    for (uint64_t boxes = RedisModule_LoadUnsigned(io); boxes; boxes--) {
        RedisModuleString *loaded = RedisModule_LoadString(io);
        size_t size = RedisModule_LoadUnsigned(io);
        size_t blocks = RedisModule_LoadUnsigned(io);
        add_box(shelf, copy_string(loaded), size, blocks);
        RedisModule_FreeString(NULL, loaded);
    }
    return shelf;
}

/* The block's place from now on. */
static void *place(RedisModuleDefragCtx *ctx, void *block) {
    void *moved = RedisModule_DefragAlloc(ctx, block);
    return moved ? moved : block;
}

static void defrag_box(RedisModuleDefragCtx *ctx, Box **at) {
    Box *box = *at = place(ctx, *at);
    RedisModuleString *name = RedisModule_DefragRedisModuleString(ctx, box->name);
    if (name) box->name = name;
    for (Block **block = &box->first; *block; block = &(*block)->next) *block = place(ctx, *block);
}

static int shelf_defrag(RedisModuleDefragCtx *ctx, RedisModuleString *key, void **value) {
    (void)key;
    unsigned long i = 0, visited = 0;
    int resumable = RedisModule_DefragCursorGet(ctx, &i) == REDISMODULE_OK;
    defrag_calls++;
    defrag_resumes += i != 0;
    wrong_cursors += i != 0 && i != expected_cursor;
    if (i == 0) {
        Shelf *shelf = *value = place(ctx, *value);
        if (shelf->box) shelf->box = place(ctx, shelf->box);
    }
    for (Shelf *shelf = *value; i < shelf->boxes; i++) {
        int stop = visited++ == step || RedisModule_DefragShouldStop(ctx);
        if (stop && resumable) {
            RedisModule_DefragCursorSet(ctx, expected_cursor = i);
            return 1;
        }
        defrag_box(ctx, &shelf->box[i]);
    }
    return 0;
}

/* ---- Commands ---- */

static Shelf *shelf_of(RedisModuleKey *key) {
    RedisModuleType *type = RedisModule_ModuleTypeGetType(key);
    if (!type || (type != moving_type && type != fixed_type)) return NULL;
    return RedisModule_ModuleTypeGetValue(key);
}

static RedisModuleKey *open_key(RedisModuleCtx *ctx, RedisModuleString *name) {
    RedisModule_AutoMemory(ctx);
    return RedisModule_OpenKey(ctx, name, REDISMODULE_READ | REDISMODULE_WRITE);
}

static int add(RedisModuleCtx *ctx, RedisModuleString **argv, int argc, RedisModuleType *type) {
    long long size, blocks;
    if (argc != 5) return RedisModule_WrongArity(ctx);
    if (RedisModule_StringToLongLong(argv[3], &size) != REDISMODULE_OK || size < 0 ||
        RedisModule_StringToLongLong(argv[4], &blocks) != REDISMODULE_OK || blocks < 0)
        return RedisModule_ReplyWithError(ctx, "ERR size and blocks are numbers from 0");
    RedisModuleKey *key = open_key(ctx, argv[1]);
    Shelf *shelf = shelf_of(key);
    if (!shelf && RedisModule_KeyType(key) != REDISMODULE_KEYTYPE_EMPTY)
        return RedisModule_ReplyWithError(ctx, REDISMODULE_ERRORMSG_WRONGTYPE);
    if (!shelf) {
        shelf = RedisModule_Calloc(1, sizeof(*shelf));
        RedisModule_ModuleTypeSetValue(key, type, shelf);
    }
    add_box(shelf, copy_string(argv[2]), (size_t)size, (size_t)blocks);
    RedisModule_ReplicateVerbatim(ctx);
    return RedisModule_ReplyWithLongLong(ctx, (long long)shelf->boxes);
}

/* SHELF.ADD key name size blocks: a value of the moving type */
static int add_moving(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    return add(ctx, argv, argc, moving_type);
}

/* SHELF.ADDFIXED key name size blocks: a value of the fixed type */
static int add_fixed(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    return add(ctx, argv, argc, fixed_type);
}

/* SHELF.CHECK key: the number of blocks, each of which holds what was put there */
static int check(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    if (argc != 2) return RedisModule_WrongArity(ctx);
    Shelf *shelf = shelf_of(open_key(ctx, argv[1]));
    if (!shelf) return RedisModule_ReplyWithError(ctx, REDISMODULE_ERRORMSG_WRONGTYPE);
    long long blocks = 0;
    for (size_t i = 0; i < shelf->boxes; i++)
        for (Block *block = shelf->box[i]->first; block; block = block->next, blocks++)
            if (!is_filled(block)) return RedisModule_ReplyWithError(ctx, "ERR a block is damaged");
    return RedisModule_ReplyWithLongLong(ctx, blocks);
}

/* SHELF.RESIZE key size: every block gets that size, by RM_Realloc */
static int resize(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    long long size;
    if (argc != 3) return RedisModule_WrongArity(ctx);
    Shelf *shelf = shelf_of(open_key(ctx, argv[1]));
    if (!shelf || RedisModule_StringToLongLong(argv[2], &size) != REDISMODULE_OK || size < 0)
        return RedisModule_ReplyWithError(ctx, "ERR a shelf and a size from 0");
    for (size_t i = 0; i < shelf->boxes; i++) {
        for (Block **at = &shelf->box[i]->first; *at; at = &(*at)->next) {
            size_t before = (*at)->size;
            *at = RedisModule_Realloc(*at, sizeof(**at) + (size_t)size);
            (*at)->size = (size_t)size;
            fill(*at, before);
        }
    }
    RedisModule_ReplicateVerbatim(ctx);
    return RedisModule_ReplyWithSimpleString(ctx, "OK");
}

/* SHELF.STEP boxes: how many boxes a call of the defrag callback visits; counters to zero */
static int set_step(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    long long boxes;
    if (argc != 2) return RedisModule_WrongArity(ctx);
    if (RedisModule_StringToLongLong(argv[1], &boxes) != REDISMODULE_OK || boxes < 1)
        return RedisModule_ReplyWithError(ctx, "ERR boxes is a number from 1");
    step = (unsigned long)boxes;
    defrag_calls = defrag_resumes = wrong_cursors = 0;
    return RedisModule_ReplyWithSimpleString(ctx, "OK");
}

/* SHELF.CALLS: calls of the defrag callback, those that went on at a cursor, wrong cursors */
static int calls(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    (void)argv;
    if (argc != 1) return RedisModule_WrongArity(ctx);
    RedisModule_ReplyWithArray(ctx, 3);
    RedisModule_ReplyWithLongLong(ctx, defrag_calls);
    RedisModule_ReplyWithLongLong(ctx, defrag_resumes);
    return RedisModule_ReplyWithLongLong(ctx, wrong_cursors);
}

static int add_command(RedisModuleCtx *ctx, const char *name, RedisModuleCmdFunc function,
                       const char *flags, int key) {
    return RedisModule_CreateCommand(ctx, name, function, flags, key, key, key) == REDISMODULE_OK;
}

int RedisModule_OnLoad(RedisModuleCtx *ctx, RedisModuleString **argv, int argc) {
    (void)argv, (void)argc;
    if (RedisModule_Init(ctx, "shelf", 1, REDISMODULE_APIVER_1) == REDISMODULE_ERR)
        return REDISMODULE_ERR;
    RedisModuleTypeMethods methods = {
        .version = REDISMODULE_TYPE_METHOD_VERSION,
        .rdb_load = shelf_load,
        .rdb_save = shelf_save,
        .mem_usage = shelf_mem_usage,
        .digest = shelf_digest,
        .free = shelf_free,
        .free_effort = shelf_free_effort,
        .copy = shelf_copy,
    };
    fixed_type = RedisModule_CreateDataType(ctx, "shelf-fix", 0, &methods);
    methods.defrag = shelf_defrag;
    moving_type = RedisModule_CreateDataType(ctx, "shelf-mov", 0, &methods);
    int done = fixed_type && moving_type &&
               add_command(ctx, "shelf.add", add_moving, "write deny-oom", 1) &&
               add_command(ctx, "shelf.addfixed", add_fixed, "write deny-oom", 1) &&
               add_command(ctx, "shelf.resize", resize, "write deny-oom", 1) &&
               add_command(ctx, "shelf.check", check, "readonly", 1) &&
               add_command(ctx, "shelf.step", set_step, "", 0) &&
               add_command(ctx, "shelf.calls", calls, "", 0);
    return done ? REDISMODULE_OK : REDISMODULE_ERR;
}
